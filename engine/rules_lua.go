package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

const (
	luaChunk    = "rule"
	luaRegistry = 256 * 20 // values on the stack of a script, as gopher-lua has it by default
	maxLuaArray = 1 << 20  // an index above it does not make an array with that many holes
)

// luaProgram is a compiled script; its prototype is never written to.
type luaProgram struct {
	proto    *lua.FunctionProto
	openLibs bool
}

func compileLua(rule *Rule) (*luaProgram, error) {
	if len(rule.Source) > maxRuleSource {
		return nil, &compileError{Message: fmt.Sprintf("a script has at most %d bytes", maxRuleSource)}
	}
	chunk, err := parse.Parse(strings.NewReader(rule.Source), luaChunk)
	if err != nil {
		return nil, luaParseError(err)
	}
	proto, err := compileChunk(chunk)
	if err != nil {
		return nil, err
	}
	return &luaProgram{proto, rule.OpenLibs}, nil
}

func compileChunk(chunk []ast.Stmt) (*lua.FunctionProto, error) {
	proto, err := lua.Compile(chunk, luaChunk)
	var wrong *lua.CompileError
	if errors.As(err, &wrong) {
		return nil, &compileError{Message: wrong.Message, Line: wrong.Line, Column: 1}
	}
	return proto, err
}

func luaParseError(err error) error {
	var wrong *parse.Error
	if !errors.As(err, &wrong) {
		return &compileError{Message: err.Error()}
	}
	if wrong.Pos.Line <= 0 {
		return &compileError{Message: wrong.Message + " at the end of the script"}
	}
	return &compileError{
		Message: fmt.Sprintf("%s near %q", wrong.Message, cut(wrong.Token, 64)), Line: wrong.Pos.Line, Column: max(1, wrong.Pos.Column),
	}
}

// run executes the script in an interpreter of its own; what it returned last is given to take.
func (p *luaProgram) run(ctx context.Context, object map[string]any, take func(lua.LValue) error) error {
	return p.runWith(ctx, func(state *lua.LState) {
		state.SetGlobal("obj", toLua(state, object))
	}, take)
}

// runWith is run, with the globals that prepare sets.
func (p *luaProgram) runWith(ctx context.Context, prepare func(*lua.LState), take func(lua.LValue) error) error {
	state := lua.NewState(lua.Options{
		SkipOpenLibs: true, MinimizeStackMemory: true, RegistrySize: 256, RegistryMaxSize: luaRegistry, RegistryGrowStep: 256,
	})
	defer state.Close()
	openLibraries(state, p.openLibs)
	state.SetContext(ctx)
	prepare(state)
	state.Push(state.NewFunctionFromProto(p.proto))
	if err := state.PCall(0, lua.MultRet, nil); err != nil {
		return luaError(err)
	}
	if state.GetTop() == 0 {
		return take(lua.LNil)
	}
	return take(state.Get(-1))
}

// judge runs the script as Argo CD runs health.lua: `obj` in, a table with status and message out. Nothing, or an
// empty table, is no opinion.
func (p *luaProgram) judge(ctx context.Context, object map[string]any) (found verdict, err error) {
	err = p.run(ctx, object, func(value lua.LValue) error {
		if value == lua.LNil {
			return nil
		}
		table, ok := value.(*lua.LTable)
		if !ok {
			return fmt.Errorf("expect table output from Lua script, not %s", value.Type())
		}
		if first, _ := table.Next(lua.LNil); first == lua.LNil {
			return nil
		}
		if found.Status, err = textField(table, "status"); err == nil {
			found.Message, err = textField(table, "message")
		}
		if err == nil && found.Status == "" {
			return errors.New("the table that the script returned has no status")
		}
		return err
	})
	return found, err
}

func textField(table *lua.LTable, name string) (string, error) {
	switch value := table.RawGetString(name).(type) {
	case lua.LString:
		return string(value), nil
	case *lua.LNilType:
		return "", nil
	default:
		return "", fmt.Errorf("the table that the script returned has a %s as its %s, not a string", value.Type(), name)
	}
}

// luaError is what a script failed with, without a stack trace.
func luaError(err error) error {
	var failed *lua.ApiError
	if !errors.As(err, &failed) {
		return err
	}
	if table, ok := failed.Object.(*lua.LTable); ok && table != nil {
		return errors.New("the script raised an error that is a table")
	}
	if failed.Object == nil || failed.Object == lua.LNil {
		return errors.New("the script raised an error without words")
	}
	text := strings.ToValidUTF8(failed.Object.String(), "\uFFFD")
	if rest, placed := strings.CutPrefix(text, luaChunk+":"); placed {
		text = "line " + rest
	}
	return errors.New(text)
}

// toLua makes tables of objects and lists; null is nil, and so absent.
func toLua(state *lua.LState, value any) lua.LValue {
	switch found := value.(type) {
	case bool:
		return lua.LBool(found)
	case int:
		return lua.LNumber(found)
	case float64:
		return lua.LNumber(found)
	case string:
		return lua.LString(found)
	case []any:
		table := state.CreateTable(len(found), 0)
		for _, item := range found {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(found))
		for key, item := range found {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}
