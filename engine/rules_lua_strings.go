package main

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/pm"
)

// What one native call makes or looks at; a script that wants more gets an error. Time and memory cannot be taken back
// within one call.
const (
	maxLuaText    = 16 << 20
	maxLuaSubject = 256 << 10 // text that a pattern is matched with
	maxLuaPattern = 1 << 10
)

// guardStrings puts bounds on the functions whose result or time is out of proportion to what they are given.
func guardStrings(state *lua.LState, library *lua.LTable) {
	for _, name := range []string{"find", "match"} {
		native := library.RawGetString(name).(*lua.LFunction).GFunction
		library.RawSetString(name, state.NewFunction(func(state *lua.LState) int {
			checkPattern(state)
			return native(state)
		}))
	}
	state.SetFuncs(library, map[string]lua.LGFunction{
		"rep": luaRepeat, "gsub": luaSubstitute, "gmatch": luaMatches, "format": luaFormat,
	})
}

func checkPattern(state *lua.LState) {
	if len(state.CheckString(1)) > maxLuaSubject {
		state.RaiseError("a text that a pattern is matched with has at most %d bytes", maxLuaSubject)
	}
	if len(state.CheckString(2)) > maxLuaPattern {
		state.RaiseError("a pattern has at most %d bytes", maxLuaPattern)
	}
}

func checkText(state *lua.LState, bytes int) {
	if bytes > maxLuaText {
		state.RaiseError("a text has at most %d bytes", maxLuaText)
	}
}

func luaRepeat(state *lua.LState) int {
	text, times := state.CheckString(1), state.CheckNumber(2)
	if times < 1 || text == "" {
		state.Push(lua.LString(""))
		return 1
	}
	if float64(times)*float64(len(text)) > maxLuaText {
		checkText(state, maxLuaText+1)
	}
	state.Push(lua.LString(strings.Repeat(text, int(times))))
	return 1
}

func luaConcat(state *lua.LState) int {
	table, separator := state.CheckTable(1), state.OptString(2, "")
	first, last := state.OptInt(3, 1), state.OptInt(4, table.Len())
	var out strings.Builder
	for i := first; i <= last; i++ {
		item := table.RawGetInt(i)
		if !lua.LVCanConvToString(item) {
			state.RaiseError("invalid value (%s) at index %d in table for concat", item.Type(), i)
		}
		text := lua.LVAsString(item)
		checkText(state, out.Len()+len(text)+len(separator))
		out.WriteString(text)
		if i < last {
			out.WriteString(separator)
		}
	}
	state.Push(lua.LString(out.String()))
	return 1
}

// luaFormat is string.format of Lua 5.1: %d %i %u %c %x %X %o %e %E %f %g %G %q %s %%, with flags, width and precision of at most
// two digits.
func luaFormat(state *lua.LState) int {
	format := state.CheckString(1)
	var out strings.Builder
	argument := 1
	for at := 0; at < len(format); at++ {
		if format[at] != '%' {
			out.WriteByte(format[at])
			continue
		}
		start := at
		for at++; at < len(format) && strings.IndexByte("-+ #0123456789.", format[at]) >= 0; at++ {
		}
		if at >= len(format) || longNumber(format[start:at]) {
			state.RaiseError("invalid conversion to 'format'")
		}
		flags, verb := format[start:at], format[at]
		if verb == '%' {
			out.WriteByte('%')
			continue
		}
		argument++
		text := luaFormatted(state, flags, verb, argument)
		checkText(state, out.Len()+len(text))
		out.WriteString(text)
	}
	checkText(state, out.Len())
	state.Push(lua.LString(out.String()))
	return 1
}

func longNumber(flags string) bool {
	digits := 0
	for _, char := range strings.TrimLeft(flags, "%-+ #0") {
		digits++
		if char == '.' {
			digits = 0
		}
		if digits > 2 {
			return true
		}
	}
	return false
}

func luaFormatted(state *lua.LState, flags string, verb byte, argument int) string {
	switch verb {
	case 'd', 'i', 'u':
		return fmt.Sprintf(flags+"d", int64(state.CheckNumber(argument)))
	case 'c', 'o', 'x', 'X':
		return fmt.Sprintf(flags+string(verb), int64(state.CheckNumber(argument)))
	case 'e', 'E', 'f', 'g', 'G':
		return fmt.Sprintf(flags+string(verb), float64(state.CheckNumber(argument)))
	case 'q':
		return fmt.Sprintf("%q", state.CheckString(argument))
	case 's':
		return fmt.Sprintf(flags+"s", state.ToStringMeta(state.CheckAny(argument)).String())
	}
	state.RaiseError("invalid option '%%%c' to 'format'", verb)
	return ""
}

// captured is what a pattern matched, as text or, for `()`, as a position. number 0 is the whole match.
func captured(state *lua.LState, text string, match *pm.MatchData, number int) lua.LValue {
	at := 2 * number
	if at >= match.CaptureLength() {
		if number != 1 {
			state.RaiseError("invalid capture index")
		}
		at = 0
	}
	if match.IsPosCapture(at) {
		return lua.LNumber(match.Capture(at))
	}
	return lua.LString(text[match.Capture(at):match.Capture(at+1)])
}

func matches(state *lua.LState, text, pattern string, limit int) []*pm.MatchData {
	found, err := pm.Find(pattern, []byte(text), 0, limit)
	if err != nil {
		state.RaiseError("%s", err.Error())
	}
	return found
}

func captures(match *pm.MatchData) int { return max(1, match.CaptureLength()/2-1) }

func luaMatches(state *lua.LState) int {
	checkPattern(state)
	text := state.CheckString(1)
	left := matches(state, text, state.CheckString(2), -1)
	state.Push(state.NewFunction(func(state *lua.LState) int {
		if len(left) == 0 {
			return 0
		}
		match := left[0]
		left = left[1:]
		for i := 1; i <= captures(match); i++ {
			state.Push(captured(state, text, match, i))
		}
		return captures(match)
	}))
	return 1
}

// luaSubstitute is string.gsub in time that grows with the text.
func luaSubstitute(state *lua.LState) int {
	checkPattern(state)
	text := state.CheckString(1)
	state.CheckTypes(3, lua.LTString, lua.LTTable, lua.LTFunction, lua.LTNumber)
	replacement := state.Get(3)
	var out strings.Builder
	after := 0
	found := matches(state, text, state.CheckString(2), state.OptInt(4, -1))
	for _, match := range found {
		out.WriteString(text[after:match.Capture(0)])
		out.WriteString(replaced(state, text, match, replacement))
		checkText(state, out.Len())
		after = match.Capture(1)
	}
	out.WriteString(text[after:])
	state.Push(lua.LString(out.String()))
	state.Push(lua.LNumber(len(found)))
	return 2
}

func replaced(state *lua.LState, text string, match *pm.MatchData, replacement lua.LValue) string {
	whole := text[match.Capture(0):match.Capture(1)]
	var value lua.LValue
	switch by := replacement.(type) {
	case *lua.LTable:
		value = state.GetTable(by, captured(state, text, match, 1))
	case *lua.LFunction:
		state.Push(by)
		for i := 1; i <= captures(match); i++ {
			state.Push(captured(state, text, match, i))
		}
		state.Call(captures(match), 1)
		value = state.Get(-1)
		state.Pop(1)
	default:
		return expanded(state, text, match, lua.LVAsString(replacement))
	}
	if lua.LVIsFalse(value) {
		return whole
	}
	if !lua.LVCanConvToString(value) {
		state.RaiseError("invalid replacement value (a %s)", value.Type())
	}
	return lua.LVAsString(value)
}

// expanded puts captures in the place of %0 to %9; % before anything else is that.
func expanded(state *lua.LState, text string, match *pm.MatchData, template string) string {
	if !strings.Contains(template, "%") {
		return template
	}
	var out strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '%' || i+1 == len(template) {
			out.WriteByte(template[i])
			continue
		}
		i++
		if next := template[i]; next >= '0' && next <= '9' {
			out.WriteString(lua.LVAsString(captured(state, text, match, int(next-'0'))))
			checkText(state, out.Len())
		} else {
			out.WriteByte(next)
		}
	}
	return out.String()
}
