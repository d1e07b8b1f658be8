package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
)

// The last bytes of the one file: magic, length of what is packed, its length unpacked, its SHA-256.
const (
	magic       = "gitopsd\x00packed\x01\x00"
	trailerSize = len(magic) + 8 + 8 + 32
)

var (
	errNothingBehind = errors.New("nothing stands behind the launcher")
	errCut           = errors.New("this file is damaged (cut short?): its end is missing; get it anew")
)

// trailer says what stands behind the launcher. Sizes are in bytes.
type trailer struct {
	begin    int64
	length   int64
	unpacked int64
	sum      [32]byte
}

// name is that of the folder which it is unpacked into: one for each content.
func (t trailer) name() string {
	return runtimePrefix + hex.EncodeToString(t.sum[:8])
}

func (t trailer) bytes() []byte {
	written := make([]byte, 0, trailerSize)
	written = append(written, magic...)
	written = binary.LittleEndian.AppendUint64(written, uint64(t.length))
	written = binary.LittleEndian.AppendUint64(written, uint64(t.unpacked))
	return append(written, t.sum[:]...)
}

// readTrailer returns errNothingBehind for a bare launcher.
func readTrailer(file *os.File) (trailer, error) {
	state, err := file.Stat()
	if err != nil {
		return trailer{}, fmt.Errorf("cannot read its own file: %w", err)
	}
	read := make([]byte, trailerSize)
	if _, err := file.ReadAt(read, state.Size()-int64(trailerSize)); err != nil {
		return trailer{}, fmt.Errorf("cannot read its own file: %w", err)
	}
	if string(read[:len(magic)]) != magic {
		return trailer{}, errNothingBehind
	}
	rest := read[len(magic):]
	found := trailer{
		length:   int64(binary.LittleEndian.Uint64(rest)),
		unpacked: int64(binary.LittleEndian.Uint64(rest[8:])),
	}
	copy(found.sum[:], rest[16:])
	found.begin = state.Size() - int64(trailerSize) - found.length
	if found.length <= 0 || found.begin <= 0 {
		return trailer{}, errDamaged
	}
	return found, nil
}
