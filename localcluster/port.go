package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
)

// Ports are looked for below the range that the kernel gives to outgoing connections (32768 and up on Linux) and below the
// range of node ports (30000 and up): while a cluster is down, nobody gets its port by chance.
const (
	firstPort    = 20000
	lastPort     = 29999
	portAttempts = 100
)

// listen opens the loopback port of the folder's cluster: that of its first start, or a free one that is noted in the folder.
// The listener is handed to the API server as it is, so that nobody can take the port in between.
func listen(f folder) (*net.TCPListener, error) {
	noted, err := os.ReadFile(f.path(portName))
	if errors.Is(err, fs.ErrNotExist) {
		return listenAnew(f)
	}
	if err != nil {
		return nil, fmt.Errorf("read the port: %w", err)
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(noted)), 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s holds no port: %w", f.path(portName), err)
	}
	listener, err := listenOn(int(port))
	if err != nil {
		return nil, fmt.Errorf("the cluster's port is taken (%w): end what holds it, or remove %s to let the cluster move", err, f.path(portName))
	}
	return listener, nil
}

func listenAnew(f folder) (*net.TCPListener, error) {
	var err error
	for range portAttempts {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		var listener *net.TCPListener
		if listener, err = listenOn(port); err == nil {
			return listener, f.write(portName, []byte(strconv.Itoa(port)))
		}
	}
	return nil, fmt.Errorf("no free port between %d and %d after %d attempts: %w", firstPort, lastPort, portAttempts, err)
}

func listenOn(port int) (*net.TCPListener, error) {
	return net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}
