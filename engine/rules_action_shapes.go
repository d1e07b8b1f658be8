package main

import (
	"errors"
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"
)

const (
	maxActionDepth  = 100
	maxActionValues = 100_000
	maxActionBytes  = 3 << 20
	exactIntegers   = 1 << 53 // a Lua number beyond it is no exact whole number
)

// shapes makes JSON of a script's tables. Lua has one kind of table, so an empty one is a list where the object that the
// script was given had one: in that very table, else in a field of that name. Any other empty table is an object.
type shapes struct {
	tables map[*lua.LTable]bool // whether it is a list
	fields map[string]bool
	values int
	bytes  int
}

func newShapes() *shapes {
	return &shapes{tables: map[*lua.LTable]bool{}, fields: map[string]bool{}}
}

// learn keeps which tables of the object are lists.
func (s *shapes) learn(made lua.LValue, object any) {
	table, ok := made.(*lua.LTable)
	if !ok {
		return
	}
	switch found := object.(type) {
	case map[string]any:
		s.tables[table] = false
		for key, item := range found {
			_, isList := item.([]any)
			if isList {
				s.fields[key] = true
			}
			s.learn(table.RawGetString(key), item)
		}
	case []any:
		s.tables[table] = true
		index := 0
		for _, item := range found {
			if item != nil { // null is nil, which a list cannot hold
				index++
				s.learn(table.RawGetInt(index), item)
			}
		}
	}
}

// object is a table as a JSON object; as one of the whole, it cannot be a list.
func (s *shapes) object(table *lua.LTable) (map[string]any, error) {
	found, err := s.mapping(table, 0)
	if err == nil && len(found) == 0 {
		err = errors.New("the object that the script returned is empty")
	}
	return found, err
}

func (s *shapes) mapping(table *lua.LTable, depth int) (map[string]any, error) {
	found := map[string]any{}
	var wrong error
	table.ForEach(func(key, value lua.LValue) {
		name, ok := key.(lua.LString)
		if !ok && wrong == nil {
			wrong = errors.New("a table that the script returned has both named fields and items")
		}
		if wrong != nil {
			return
		}
		s.bytes += len(name)
		found[string(name)], wrong = s.json(value, string(name), depth+1)
	})
	return found, wrong
}

func (s *shapes) list(table *lua.LTable, depth int) ([]any, error) {
	found := make([]any, 0, table.Len())
	count := 0
	table.ForEach(func(lua.LValue, lua.LValue) { count++ })
	if count != table.Len() {
		return nil, errors.New("a list that the script returned has gaps, or named fields")
	}
	for i := 1; i <= table.Len(); i++ {
		item, err := s.json(table.RawGetInt(i), "", depth+1)
		if err != nil {
			return nil, err
		}
		found = append(found, item)
	}
	return found, nil
}

func (s *shapes) json(value lua.LValue, field string, depth int) (any, error) {
	s.values++
	if depth > maxActionDepth || s.values > maxActionValues || s.bytes > maxActionBytes {
		return nil, errors.New("what the script returned is too large, too deep, or contains itself")
	}
	switch found := value.(type) {
	case lua.LBool:
		return bool(found), nil
	case lua.LString:
		s.bytes += len(found)
		return cut(string(found), maxActionBytes), nil
	case lua.LNumber:
		return number(float64(found))
	case *lua.LTable:
		if s.isList(found, field) {
			return s.list(found, depth)
		}
		return s.mapping(found, depth)
	}
	return nil, fmt.Errorf("the script returned a %s in an object", value.Type())
}

func (s *shapes) isList(table *lua.LTable, field string) bool {
	if first, _ := table.Next(lua.LNil); first != lua.LNil {
		return table.Len() > 0
	}
	if known, ok := s.tables[table]; ok {
		return known
	}
	return s.fields[field]
}

func number(value float64) (any, error) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil, errors.New("the script returned a number that JSON has not")
	}
	if value == math.Trunc(value) && math.Abs(value) <= exactIntegers {
		return int64(value), nil
	}
	return value, nil
}
