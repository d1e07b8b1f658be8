//go:build linux && (amd64 || arm64)

package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sealKernel installs a seccomp filter on all threads: starting programs, tracing and, unless they are wanted, opening
// sockets and files fail with EPERM from then on. Where the kernel does not allow filters, the other seals stand alone.
func sealKernel(network, files bool) string {
	arch, x32 := uint32(unix.AUDIT_ARCH_X86_64), uint32(0x40000000)
	if runtime.GOARCH == "arm64" {
		arch, x32 = unix.AUDIT_ARCH_AARCH64, 0xffffffff
	}
	denied := []uint32{
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
		unix.SYS_IO_URING_SETUP, unix.SYS_MOUNT, unix.SYS_CHROOT, unix.SYS_BPF, unix.SYS_KEYCTL,
	}
	if !network {
		denied = append(denied, unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND)
	}
	if !files {
		denied = append(denied, oldFileCalls...)
		denied = append(denied, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT,
			unix.SYS_RENAMEAT2, unix.SYS_MKDIRAT, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKNODAT, unix.SYS_FCHMODAT,
			unix.SYS_FCHOWNAT, unix.SYS_READLINKAT, unix.SYS_TRUNCATE)
	}
	program := filter(arch, x32, denied)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return "none"
	}
	spec := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&spec)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return "none"
	}
	return "seccomp"
}

// filter is a classic BPF program: another architecture or a denied call gets EPERM, all else is allowed.
func filter(arch, x32 uint32, denied []uint32) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		atMost = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
		eperm  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		offset = 4 // of the architecture in struct seccomp_data; the call's number is at 0
	)
	program := []unix.SockFilter{
		{Code: load, K: offset},
		{Code: equal, K: arch, Jt: 1},
		{Code: answer, K: eperm},
		{Code: load, K: 0},
		{Code: atMost, K: x32, Jf: 1},
		{Code: answer, K: eperm},
	}
	for _, call := range denied {
		program = append(program, unix.SockFilter{Code: equal, K: call, Jf: 1}, unix.SockFilter{Code: answer, K: eperm})
	}
	return append(program, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
}
