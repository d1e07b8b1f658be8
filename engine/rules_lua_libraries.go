package main

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// What a script may call: an allow-list, so that nothing comes in with a new version of the interpreter.
var (
	luaGlobals = nameSet("assert error ipairs next pairs pcall rawequal rawget rawset select setmetatable tonumber tostring type unpack xpcall _G _VERSION string table math coroutine")
	luaStrings = nameSet("__index byte char find len lower match reverse sub upper")
	luaMath    = nameSet("abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min mod modf pi pow rad random sin sinh sqrt tan tanh")
)

func nameSet(list string) map[string]bool {
	found := map[string]bool{}
	for _, name := range strings.Fields(list) {
		found[name] = true
	}
	return found
}

// openLibraries gives a script base, table, string, math and the harmless part of os; coroutine too with openLibs. Nothing of it
// reaches files, programs, other modules, the protocol's streams or code in texts, and what is native bounds what it makes.
func openLibraries(state *lua.LState, openLibs bool) {
	open := map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString, lua.MathLibName: lua.OpenMath,
	}
	if openLibs {
		open[lua.CoroutineLibName] = lua.OpenCoroutine
	}
	for _, name := range []string{lua.BaseLibName, lua.TabLibName, lua.StringLibName, lua.MathLibName, lua.CoroutineLibName} {
		if function, wanted := open[name]; wanted {
			state.Push(state.NewFunction(function))
			state.Push(lua.LString(name))
			state.Call(1, 0)
		}
	}
	globals := state.G.Global
	keep(globals, luaGlobals)
	keep(state.GetGlobal(lua.StringLibName).(*lua.LTable), luaStrings)
	keep(state.GetGlobal(lua.MathLibName).(*lua.LTable), luaMath)
	guardStrings(state, state.GetGlobal(lua.StringLibName).(*lua.LTable))
	state.SetFuncs(state.GetGlobal(lua.TabLibName).(*lua.LTable), map[string]lua.LGFunction{"concat": luaConcat})
	clock := state.SetFuncs(state.NewTable(), luaTimes())
	state.SetGlobal(lua.OsLibName, clock)
	state.SetFuncs(globals, map[string]lua.LGFunction{
		"print": nothing, "collectgarbage": nothing, "getmetatable": luaMetatable, "require": luaRequire,
	})
	if openLibs {
		state.SetGlobal(lua.DebugLibName, state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{"traceback": luaTraceback}))
	}
}

func keep(table *lua.LTable, allowed map[string]bool) {
	var refused []string
	table.ForEach(func(key, _ lua.LValue) {
		if name, ok := key.(lua.LString); ok && !allowed[string(name)] {
			refused = append(refused, string(name))
		}
	})
	for _, name := range refused {
		table.RawSetString(name, lua.LNil)
	}
}

func nothing(*lua.LState) int { return 0 }

// luaMetatable is for tables alone: the one of strings is everybody's.
func luaMetatable(state *lua.LState) int {
	if table, ok := state.CheckAny(1).(*lua.LTable); ok {
		state.Push(state.GetMetatable(table))
	} else {
		state.Push(lua.LNil)
	}
	return 1
}

// luaRequire finds the libraries that are open, by name (`local os = require("os")`), and nothing else.
func luaRequire(state *lua.LState) int {
	name := state.CheckString(1)
	switch name {
	case lua.OsLibName, lua.StringLibName, lua.TabLibName, lua.MathLibName, lua.CoroutineLibName, lua.DebugLibName:
		if library, ok := state.GetGlobal(name).(*lua.LTable); ok {
			state.Push(library)
			return 1
		}
	}
	state.RaiseError("module %s not found", name)
	return 0
}

func luaTraceback(state *lua.LState) int {
	state.Push(lua.LString(state.OptString(1, "")))
	return 1
}
