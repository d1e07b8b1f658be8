module gitopsd/launcher

go 1.26.0

require (
	github.com/klauspost/compress v1.19.0
	golang.org/x/sys v0.47.0
)
