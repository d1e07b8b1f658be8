package main

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Manifest is one rendered object: its JSON, and the file, line and document it came from.
type Manifest struct {
	Object   json.RawMessage
	File     string
	Line     int
	Document int
}

// success encodes a result. Objects are copied as they are: they are valid JSON already, and
// encoding/json would parse each of them once more.
func success(id uint64, manifests []Manifest, reads []Read, warnings []string, random []Drawn) []byte {
	size := 256
	for i := range manifests {
		size += len(manifests[i].Object) + len(manifests[i].File) + 64
	}
	out := make([]byte, 0, size+64*len(reads))
	out = append(out, `{"id":`...)
	out = strconv.AppendUint(out, id, 10)
	out = append(out, `,"result":{"manifests":[`...)
	for i := range manifests {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"object":`...)
		out = append(out, manifests[i].Object...)
		out = append(out, `,"file":`...)
		out = append(out, encode(manifests[i].File)...)
		out = append(out, `,"line":`...)
		out = strconv.AppendInt(out, int64(manifests[i].Line), 10)
		out = append(out, `,"document":`...)
		out = strconv.AppendInt(out, int64(manifests[i].Document), 10)
		out = append(out, '}')
	}
	out = append(out, `],"reads":`...)
	out = append(out, encode(reads)...)
	out = append(out, `,"warnings":`...)
	out = append(out, encode(warnings)...)
	if len(random) > 0 {
		out = append(out, `,"random":`...)
		out = append(out, encode(random)...)
	}
	return append(out, "}}"...)
}

// telling encodes a result without manifests.
func telling(id uint64, result json.RawMessage, stuck bool) []byte {
	worker := ""
	if stuck {
		worker = "stuck" // the caller should start a new process
	}
	return encode(struct {
		ID     uint64          `json:"id"`
		Result json.RawMessage `json:"result"`
		Worker string          `json:"worker,omitempty"`
	}{id, result, worker})
}

// wanting encodes what a render needs before it can go on.
func wanting(id uint64, needs []Need, reads []Read) []byte {
	return encode(struct {
		ID    uint64 `json:"id"`
		Needs []Need `json:"needs"`
		Reads []Read `json:"reads"`
	}{id, needs, reads})
}

// failure encodes an error.
func failure(id uint64, f *Fault) []byte {
	return encode(struct {
		ID    uint64 `json:"id"`
		Error *Fault `json:"error"`
	}{id, f})
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
