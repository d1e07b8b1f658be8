package main

import (
	"net"
	"strings"
	"testing"
)

func TestAFolderKeepsItsPort(t *testing.T) {
	f := newTestFolder(t)
	first, err := listen(f)
	if err != nil {
		t.Fatal(err)
	}
	address := first.Addr().String()
	first.Close()
	second, err := listen(f)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Addr().String() != address {
		t.Errorf("moved from %s to %s", address, second.Addr())
	}
}

func TestPortsAreOnLoopbackAndOutsideOfTheEphemeralRange(t *testing.T) {
	listener, err := listen(newTestFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().(*net.TCPAddr)
	if !address.IP.IsLoopback() {
		t.Errorf("listens on %s", address.IP)
	}
	if address.Port < firstPort || address.Port > lastPort {
		t.Errorf("port %d", address.Port)
	}
}

func TestATakenPortIsAnErrorThatSaysWhatToDo(t *testing.T) {
	f := newTestFolder(t)
	holder, err := listen(f)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	_, err = listen(f)
	if err == nil || !strings.Contains(err.Error(), "remove "+f.path(portName)) {
		t.Errorf("got %v", err)
	}
}

func TestAFolderIsLockedOnce(t *testing.T) {
	f := newTestFolder(t)
	if err := f.lock(); err != nil {
		t.Fatal(err)
	}
	if err := f.lock(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second lock gives %v", err)
	}
}
