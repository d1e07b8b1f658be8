//go:build linux

package main

// oldFileCalls are those that this architecture does not have.
var oldFileCalls []uint32
