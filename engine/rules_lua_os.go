package main

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// luaTimes is what of os a script gets. The zone is UTC, as in the containers that such scripts were written for.
func luaTimes() map[string]lua.LGFunction {
	began := time.Now()
	return map[string]lua.LGFunction{
		"time": luaTime, "date": luaDate,
		"clock": func(state *lua.LState) int {
			state.Push(lua.LNumber(time.Since(began).Seconds()))
			return 1
		},
		"difftime": func(state *lua.LState) int {
			state.Push(state.CheckNumber(1) - state.OptNumber(2, 0))
			return 1
		},
	}
}

// luaTime is os.time([table]): seconds since 1970. Fields may be numbers or texts of numbers, as patterns give them.
func luaTime(state *lua.LState) int {
	if state.GetTop() == 0 || state.Get(1) == lua.LNil {
		state.Push(lua.LNumber(time.Now().Unix()))
		return 1
	}
	table := state.CheckTable(1)
	field := func(name string, absent int) int {
		value := table.RawGetString(name)
		if value == lua.LNil {
			return absent
		}
		return int(lua.LVAsNumber(value))
	}
	moment := time.Date(field("year", -1), time.Month(field("month", -1)), field("day", -1),
		field("hour", 12), field("min", 0), field("sec", 0), 0, time.UTC)
	state.Push(lua.LNumber(moment.Unix()))
	return 1
}

// luaDate is os.date([format [, time]]).
func luaDate(state *lua.LState) int {
	format := strings.TrimPrefix(state.OptString(1, "%c"), "!")
	moment := time.Now().UTC()
	if state.GetTop() >= 2 {
		moment = time.Unix(state.CheckInt64(2), 0).UTC()
	}
	if strings.HasPrefix(format, "*t") {
		state.Push(dateTable(state, moment))
		return 1
	}
	checkText(state, len(format)*32)
	state.Push(lua.LString(strftime(moment, format)))
	return 1
}

func dateTable(state *lua.LState, moment time.Time) *lua.LTable {
	table := state.NewTable()
	for name, value := range map[string]int{
		"year": moment.Year(), "month": int(moment.Month()), "day": moment.Day(), "hour": moment.Hour(), "min": moment.Minute(),
		"sec": moment.Second(), "wday": int(moment.Weekday()) + 1, "yday": moment.YearDay(),
	} {
		table.RawSetString(name, lua.LNumber(value))
	}
	table.RawSetString("isdst", lua.LFalse)
	return table
}

// dateLayouts are C's conversions as Go writes them.
var dateLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'F': "2006-01-02",
	'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06",
	'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

func strftime(moment time.Time, format string) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		switch layout, known := dateLayouts[format[i]]; {
		case known:
			out.WriteString(moment.Format(layout))
		case format[i] == '%':
			out.WriteByte('%')
		case format[i] == 'w':
			out.WriteByte('0' + byte(moment.Weekday()))
		default:
			out.WriteByte('%')
			out.WriteByte(format[i])
		}
	}
	return out.String()
}
