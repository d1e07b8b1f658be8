package main

import (
	"encoding/binary"
	"io"
)

// readFrame reads one frame: four bytes of length, most significant first, then that many bytes of JSON.
// io.EOF means that the other side closed between two frames.
func readFrame(in io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxRequestBytes {
		return nil, limitFault("size of a request in bytes", maxRequestBytes)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return body, nil
}

// writeFrame writes body as one frame with one call of Write for the length and one for the body.
func writeFrame(out io.Writer, body []byte) error {
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(body)))
	if _, err := out.Write(head[:]); err != nil {
		return err
	}
	_, err := out.Write(body)
	return err
}
