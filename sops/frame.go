package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
)

var errTooLarge = errors.New("a request is larger than the limit")

// readFrame reads one frame: four bytes of length, most significant first, then that many bytes of JSON.
// io.EOF means that the other side closed between two frames.
func readFrame(in io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxRequestBytes {
		return nil, errTooLarge
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return body, nil
}

// writeFrame writes body as one frame.
func writeFrame(out io.Writer, body []byte) error {
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(body)))
	_, err := out.Write(append(head[:], body...))
	return err
}

// encode is JSON without the escapes that only HTML needs.
func encode(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // only values of this package come here
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}
