package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// output are the caller's streams, kept apart from those that the components write to.
type output struct {
	out *os.File
	err *os.File
}

// redirect sends whatever any component writes to standard output or error, panics included, to the folder's log,
// and gives the caller's own streams for the few lines that are meant for it.
func redirect(f folder) (output, error) {
	log, err := os.OpenFile(f.path(logName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return output{}, fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	kept := output{}
	for _, stream := range []struct {
		number int
		kept   **os.File
	}{{unix.Stdout, &kept.out}, {unix.Stderr, &kept.err}} {
		copied, err := unix.FcntlInt(uintptr(stream.number), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return output{}, fmt.Errorf("keep the caller's streams: %w", err)
		}
		*stream.kept = os.NewFile(uintptr(copied), "caller")
		if err := unix.Dup2(int(log.Fd()), stream.number); err != nil {
			return output{}, fmt.Errorf("redirect to the log: %w", err)
		}
	}
	return kept, nil
}

// close gives the caller's streams back; until then they stay open, so that their end tells the caller that the cluster is gone.
func (o output) close() {
	_ = o.out.Close() // nothing is buffered: an error here could only say that they are closed
	_ = o.err.Close()
}
