package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/itchyny/gojq"
)

// jqProgram finds the places that an expression names, as Argo CD's `jqPathExpressions` do: what `del(EXPRESSION)` would delete.
type jqProgram struct{ code *gojq.Code }

func compileJQ(expression string) (*jqProgram, error) {
	if len(expression) > maxJQSource {
		return nil, &compileError{Message: fmt.Sprintf("an expression has at most %d bytes", maxJQSource)}
	}
	if strings.TrimSpace(expression) == "" {
		return nil, &compileError{Message: "the expression is empty"}
	}
	query, err := gojq.Parse(expression)
	var wrong *gojq.ParseError
	if errors.As(err, &wrong) {
		line, column := sourcePlace(expression, wrong.Offset-len(wrong.Token))
		return nil, &compileError{Message: wrong.Error(), Line: line, Column: column}
	}
	if err != nil {
		return nil, &compileError{Message: err.Error()}
	}
	if len(query.Imports) > 0 || query.Meta != nil {
		return nil, &compileError{Message: "there are no modules here"}
	}
	whole, err := gojq.Parse("path(" + query.String() + ")")
	if err != nil {
		return nil, &compileError{Message: err.Error()}
	}
	code, err := gojq.Compile(whole)
	if err != nil {
		return nil, &compileError{Message: err.Error()}
	}
	return &jqProgram{code}, nil
}

// paths gives the places in the object that the expression names; an expression that fails half-way fails.
func (p *jqProgram) paths(ctx context.Context, object map[string]any) ([][]any, error) {
	found := [][]any{}
	results := p.code.RunWithContext(ctx, object)
	for {
		value, more := results.Next()
		if !more {
			return found, nil
		}
		switch path := value.(type) {
		case error:
			return nil, path
		case []any:
			if len(path) == 0 {
				return nil, errors.New("it names the whole object")
			}
			found = append(found, concrete(object, path)...)
		}
		if len(found) > maxPathsOfOne {
			return nil, fmt.Errorf("it names more than %d places", maxPathsOfOne)
		}
	}
}

// concrete makes keys and indices from 0 of a path: jq also counts from the end, and slices.
func concrete(object map[string]any, path []any) [][]any {
	type walk struct {
		path []any
		here any
	}
	walks := []walk{{[]any{}, object}}
	for _, step := range path {
		var next []walk
		for _, each := range walks {
			for _, key := range steps(each.here, step) {
				next = append(next, walk{append(append([]any{}, each.path...), key), child(each.here, key)})
			}
		}
		walks = next
	}
	paths := make([][]any, 0, len(walks))
	secret := isSecret(object)
	for _, each := range walks {
		// A key may come from a value: of a Secret only those are told that it has.
		if !secret || each.here != nil {
			paths = append(paths, each.path)
		}
	}
	return paths
}

func steps(here, step any) []any {
	items, _ := here.([]any)
	switch found := step.(type) {
	case string:
		return []any{found}
	case int:
		return index(found, len(items))
	case float64:
		return index(int(math.Floor(found)), len(items))
	case map[string]any:
		var keys []any
		for i := bound(found["start"], 0, len(items), math.Floor); i < bound(found["end"], len(items), len(items), math.Ceil); i++ {
			keys = append(keys, i)
		}
		return keys
	}
	return nil
}

func index(at, count int) []any {
	if at < 0 {
		at += count
	}
	if at < 0 {
		return nil
	}
	return []any{at}
}

func bound(value any, absent, count int, round func(float64) float64) int {
	at := absent
	switch found := value.(type) {
	case int:
		at = found
	case float64:
		at = int(round(max(-1e9, min(1e9, found))))
	}
	if at < 0 {
		at += count
	}
	return max(0, min(at, count))
}

func child(here, key any) any {
	switch found := here.(type) {
	case map[string]any:
		if name, ok := key.(string); ok {
			return found[name]
		}
	case []any:
		if at, ok := key.(int); ok && at < len(found) {
			return found[at]
		}
	}
	return nil
}

// places is what one expression names in one object.
type places struct {
	Paths   [][]any `json:"paths,omitempty"`
	Error   string  `json:"error,omitempty"`
	Passing bool    `json:"passing,omitempty"`
}

// jqPaths evaluates each expression on each object.
func (r *rules) jqPaths(job *Job) ([]Manifest, error) {
	var params struct {
		Expressions []string          `json:"expressions"`
		Objects     []json.RawMessage `json:"objects"`
	}
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	turn, done := r.box.turn(job, len(params.Expressions))
	defer done()
	all, told := make([][]places, len(params.Objects)), 0
	for i, raw := range params.Objects {
		all[i] = make([]places, len(params.Expressions))
		for j, expression := range params.Expressions {
			all[i][j] = r.placed(turn, j, expression, raw)
			for _, path := range all[i][j].Paths {
				told += len(path)
			}
			if told > maxPathSteps {
				return nil, limitFault("steps of all paths of one answer", maxPathSteps)
			}
		}
	}
	return nil, job.tell(map[string]any{"objects": all})
}

func (r *rules) placed(turn *turn, number int, expression string, raw json.RawMessage) places {
	object, err := decodeObject(raw) // each its own: what is made of an object may share with it
	if err != nil {
		return places{Error: err.Error()}
	}
	found, err := evaluate(turn, number, func(ctx context.Context) ([][]any, error) {
		program, err := r.paths(expression)
		if err != nil {
			return nil, err
		}
		return program.paths(ctx, object)
	})
	if err != nil {
		text, passing := turn.told(err, object)
		return places{Error: text, Passing: passing}
	}
	return places{Paths: found}
}
