package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const maxJSONDepth = 1000

// strictJSON reads text as exactly one JSON value with no key twice. isJSON is false when the text
// is not JSON at all: flow style YAML looks alike. Numbers stay as they are written.
func strictJSON(text []byte, file string, before int) (value json.RawMessage, fault *Fault, isJSON bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := checkValue(decoder, 0)
	if err == nil {
		if _, after := decoder.Token(); !errors.Is(after, io.EOF) {
			return nil, nil, false
		}
		var compact bytes.Buffer
		if json.Compact(&compact, text) != nil {
			return nil, nil, false
		}
		return compact.Bytes(), nil, true
	}
	var own *Fault
	if errors.As(err, &own) {
		offset := min(int(decoder.InputOffset()), len(text))
		return nil, own.in(file, before+1+bytes.Count(text[:offset], []byte("\n"))), true
	}
	return nil, nil, false
}

func checkValue(decoder *json.Decoder, depth int) error {
	if depth > maxJSONDepth {
		return limitFault("depth of JSON", maxJSONDepth)
	}
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	open, isDelimiter := token.(json.Delim)
	if !isDelimiter {
		return nil
	}
	var seen map[string]bool
	if open == '{' {
		seen = map[string]bool{}
	}
	for decoder.More() {
		if seen != nil {
			if err := checkKey(decoder, seen); err != nil {
				return err
			}
		}
		if err := checkValue(decoder, depth+1); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

func checkKey(decoder *json.Decoder, seen map[string]bool) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	key := fmt.Sprint(token)
	if seen[key] {
		return faultf(codeParse, "key %q is set twice", key).hint("keep one of the two")
	}
	seen[key] = true
	return nil
}
