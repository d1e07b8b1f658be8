package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// folder is the absolute path of the directory that holds everything of one cluster.
type folder string

// Names inside of a folder.
const (
	kubeconfigName  = "kubeconfig"
	controllersName = "pki/controller-manager.kubeconfig"
	readyName       = "ready.json"
	portName        = "port"
	logName         = "localcluster.log"
	auditName       = "audit.log"
	auditPolicyName = "audit-policy.yaml"
	etcdName        = "etcd"
	// etcdSocket is dialled relative to the working directory: the path of a unix socket may have 107 bytes, a folder's path may have more.
	etcdSocket = "etcd.sock"
)

// newFolder turns what the command line says into a folder; it need not exist.
func newFolder(path string) (folder, error) {
	if path == "" {
		return "", errors.New("--dir is missing: name the folder of the cluster")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("--dir %s: %w", path, err)
	}
	return folder(absolute), nil
}

// create makes the folder where it is missing, and readable for its owner alone: etcd's socket in it knows no passwords.
func (f folder) create() error {
	if err := os.MkdirAll(f.path("pki"), 0o700); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	if err := os.Chmod(string(f), 0o700); err != nil {
		return fmt.Errorf("make the folder private: %w", err)
	}
	return nil
}

// path is the absolute path of a name inside of the folder.
func (f folder) path(name string) string {
	return filepath.Join(string(f), name)
}

// lock holds the folder until the process ends; two clusters in one folder would destroy each other's data.
func (f folder) lock() error {
	// A bare descriptor, never closed: an os.File would be closed, and the folder be free, once the garbage collector finds it.
	// The kernel frees the lock when the process ends, however it ends.
	held, err := syscall.Open(f.path("lock"), syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock: %w", err)
	}
	if err := syscall.Flock(held, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(f.path("lock")) // best effort: the message stands without it
		_ = syscall.Close(held)
		return fmt.Errorf("%s is in use by the localcluster with process id %s", f, owner)
	}
	if err := syscall.Ftruncate(held, 0); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	if _, err := syscall.Write(held, []byte(strconv.Itoa(os.Getpid()))); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return nil
}

// write replaces a file of the folder in one step, so that nobody ever reads half of it.
func (f folder) write(name string, content []byte) error {
	target := f.path(name)
	temporary := target + ".new"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(temporary, target); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
