package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// compileError says where in a rule's source a fault is; Line and Column count from 1, 0 means unknown.
type compileError struct {
	Message string `json:"error,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Case    int    `json:"case,omitempty"` // of a CEL rule with cases: which, from 1
}

func (e *compileError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("line %d, column %d: ", e.Line, e.Column)
	}
	if e.Case > 0 {
		where = fmt.Sprintf("case %d, %s", e.Case, where)
	}
	return where + e.Message
}

// asCompileError is empty where there is no error.
func asCompileError(err error) compileError {
	if err == nil {
		return compileError{}
	}
	var found *compileError
	if errors.As(err, &found) {
		return *found
	}
	return compileError{Message: cut(err.Error(), maxRuleMessage)}
}

// sourcePlace counts line and column of a byte of a source.
func sourcePlace(source string, offset int) (line, column int) {
	offset = max(0, min(offset, len(source)))
	before := source[:offset]
	return 1 + strings.Count(before, "\n"), offset - strings.LastIndexByte(before, '\n')
}

// decodeObject reads an object as all three languages want it: whole numbers are ints, all others float64.
func decodeObject(raw json.RawMessage) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil {
		return nil, errors.New("the object is no JSON object")
	}
	for key, value := range object {
		object[key] = numbers(value)
	}
	return object, nil
}

func numbers(value any) any {
	switch found := value.(type) {
	case map[string]any:
		for key, item := range found {
			found[key] = numbers(item)
		}
	case []any:
		for i, item := range found {
			found[i] = numbers(item)
		}
	case json.Number:
		if whole, err := found.Int64(); err == nil {
			return int(whole)
		}
		broken, _ := found.Float64() // beyond its range it is infinite
		return broken
	}
	return value
}

func isSecret(object map[string]any) bool {
	return object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

// cut keeps a text within limit bytes.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + " …"
}
