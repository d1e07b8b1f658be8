package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
)

// maxDrawn is how much one random function gives at once.
const maxDrawn = 1 << 20

// ascii are all printable characters.
func ascii() string {
	var out strings.Builder
	for c := byte(32); c < 127; c++ {
		out.WriteByte(c)
	}
	return out.String()
}

// letters makes a function that draws count characters of an alphabet; like the original it gives nothing for a
// negative count.
func (d *draws) letters(function, alphabet string) func(count int) (string, error) {
	return func(count int) (string, error) {
		random, _ := d.stream(function, count)
		if count > maxDrawn {
			return "", limitFault("characters of "+function, maxDrawn)
		}
		out := make([]byte, max(0, count))
		for i := range out {
			out[i] = alphabet[below(random, uint64(len(alphabet)))]
		}
		return string(out), nil
	}
}

func (d *draws) randBytes(count int) (string, error) {
	random, _ := d.stream("randBytes", count)
	if count < 0 || count > maxDrawn {
		return "", limitFault("bytes of randBytes", maxDrawn)
	}
	out := make([]byte, count)
	_, err := io.ReadFull(random, out)
	return base64.StdEncoding.EncodeToString(out), err
}

func (d *draws) randInt(low, high int) (int, error) {
	random, _ := d.stream("randInt", low, high)
	if high <= low {
		return 0, fmt.Errorf("randInt: %d is not below %d", low, high)
	}
	return low + int(below(random, uint64(high)-uint64(low))), nil
}

func (d *draws) shuffle(text string) string {
	random, _ := d.stream("shuffle", text)
	letters := []rune(text)
	for i := len(letters) - 1; i > 0; i-- {
		j := below(random, uint64(i)+1)
		letters[i], letters[j] = letters[j], letters[i]
	}
	return string(letters)
}

func (d *draws) uuid() string {
	random, _ := d.stream("uuidv4")
	var raw [16]byte
	_, _ = io.ReadFull(random, raw[:])
	raw[6] = raw[6]&0x0f | 0x40 // version 4
	raw[8] = raw[8]&0x3f | 0x80 // the variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

// encryptAES is AES-256-CBC with the password, filled up with zeros, as its key, and the vector in front.
func (d *draws) encryptAES(password, plain string) (string, error) {
	if plain == "" {
		return "", nil
	}
	random, _ := d.stream("encryptAES", password, plain)
	key := make([]byte, 32)
	copy(key, password)
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	content := append([]byte(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	out := make([]byte, aes.BlockSize+len(content))
	if _, err := io.ReadFull(random, out[:aes.BlockSize]); err != nil {
		return "", err
	}
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], content)
	return base64.StdEncoding.EncodeToString(out), nil
}

// clockFunctions are those that look at the clock: always, or where their argument is no time.
func (d *draws) clockFunctions() template.FuncMap {
	inZone := func(function string) func(layout string, at any, zone string) string {
		return func(layout string, at any, zone string) string {
			return formatted(layout, d.timeOr(function, at), zone)
		}
	}
	return template.FuncMap{
		"now": func() time.Time {
			d.note("now")
			return d.now
		},
		"ago": func(at any) string {
			d.note("ago")
			return d.now.Sub(d.timeOr("ago", at)).Round(time.Second).String()
		},
		"durationRound": func(since any) string {
			if at, isTime := since.(time.Time); isTime {
				d.note("durationRound")
				since = d.now.Sub(at).String()
			}
			return roundDuration(since)
		},
		"date":           func(layout string, at any) string { return inZone("date")(layout, at, "Local") },
		"htmlDate":       func(at any) string { return inZone("htmlDate")(time.DateOnly, at, "Local") },
		"htmlDateInZone": func(at any, zone string) string { return inZone("htmlDateInZone")(time.DateOnly, at, zone) },
		"dateInZone":     inZone("dateInZone"),
		"date_in_zone":   inZone("date_in_zone"),
	}
}

// timeOr reads what the date functions take for a time (seconds since 1970 are one); anything else stands for now.
func (d *draws) timeOr(function string, at any) time.Time {
	switch at := at.(type) {
	case time.Time:
		return at
	case *time.Time:
		if at != nil {
			return *at
		}
	case int64:
		return time.Unix(at, 0)
	case int:
		return time.Unix(int64(at), 0)
	case int32:
		return time.Unix(int64(at), 0)
	}
	d.note(function)
	return d.now
}

func formatted(layout string, at time.Time, zone string) string {
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	return at.In(place).Format(layout)
}

var roundDuration = sprig.TxtFuncMap()["durationRound"].(func(any) string)

// sortedKeys and sortedValues replace functions that give the order of a Go map, another one each time.
func sortedKeys(dictionaries ...map[string]any) []string {
	out := []string{}
	for _, each := range dictionaries {
		out = append(out, slices.Sorted(maps.Keys(each))...)
	}
	return out
}

func sortedValues(dictionary map[string]any) []any {
	out := make([]any, 0, len(dictionary))
	for _, key := range slices.Sorted(maps.Keys(dictionary)) {
		out = append(out, dictionary[key])
	}
	return out
}
