package main

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// Drawn says that a template used a function that is not a function of its inputs.
type Drawn struct {
	Template string `json:"template"`
	Function string `json:"function"`
}

// noteRandom adds what random functions a part of the render used.
func (j *Job) noteRandom(found []Drawn) {
	for _, each := range found {
		if !slices.Contains(j.random, each) {
			j.random = append(j.random, each)
		}
	}
}

// draws makes the values of random functions for one render: each a function of the seed, the template, the function
// with its arguments, and how often this template made this very call before. So one seed gives one result, and a
// change elsewhere in the chart leaves a value as it is.
type draws struct {
	ctx      context.Context
	seed     []byte
	kept     bool // the seed was given: keys may be asked for again
	now      time.Time
	template string // the one that is being rendered
	ordinals map[string]uint64
	used     map[Drawn]bool
}

// newDraws reads the seed (hex); without one every render has another. at is the time (seconds since 1970) that a
// seeded render takes for now.
func newDraws(ctx context.Context, seed string, at int64) (*draws, error) {
	d := &draws{ctx: ctx, now: time.Now(), ordinals: map[string]uint64{}, used: map[Drawn]bool{}}
	if seed == "" {
		d.seed = make([]byte, 32)
		_, err := rand.Read(d.seed)
		return d, err
	}
	var err error
	if d.seed, err = hex.DecodeString(seed); err != nil {
		return nil, faultf(codeRequest, "seed is not hexadecimal")
	}
	d.kept, d.now = true, time.Unix(at, 0)
	return d, nil
}

// note remembers that function was used.
func (d *draws) note(function string) { d.used[Drawn{d.template, function}] = true }

// stream gives the random bytes of one call, and the key that they come from.
func (d *draws) stream(function string, args ...any) (io.Reader, [sha256.Size]byte) {
	d.note(function)
	text, err := json.Marshal(args)
	if err != nil {
		text = fmt.Appendf(nil, "%#v", args)
	}
	call := function + "\x00" + string(text)
	place := d.template + "\x00" + call
	ordinal := d.ordinals[place]
	d.ordinals[place]++
	var key [sha256.Size]byte
	mac := hmac.New(sha256.New, d.seed)
	for _, part := range []string{d.template, call} {
		_ = binary.Write(mac, binary.BigEndian, uint64(len(part)))
		mac.Write([]byte(part))
	}
	_ = binary.Write(mac, binary.BigEndian, ordinal)
	mac.Sum(key[:0])
	return newByteStream(key), key
}

// byteStream is AES-CTR over zeros.
type byteStream struct{ cipher.Stream }

func newByteStream(key [32]byte) byteStream {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	return byteStream{cipher.NewCTR(block, make([]byte, aes.BlockSize))}
}

func (s byteStream) Read(p []byte) (int, error) {
	clear(p)
	s.XORKeyStream(p, p)
	return len(p), nil
}

// below gives an even number from 0 up to n, without n.
func below(random io.Reader, n uint64) uint64 {
	var raw [8]byte
	for {
		_, _ = io.ReadFull(random, raw[:])
		value := binary.BigEndian.Uint64(raw[:])
		if rest := value % n; value-rest <= ^uint64(0)-(n-1) {
			return rest
		}
	}
}

// enter is called by each template before anything else; its text is put in front of them.
const (
	enterFunction = "gitopsdEnter"
	enterText     = "{{" + enterFunction + " .}}"
)

// enter takes what the template is rendered with, which tells its name. A template that others include may be given
// anything else: it belongs to the one that includes it.
func (d *draws) enter(dot any) string {
	if top, isTop := dot.(common.Values); isTop {
		if template, known := top["Template"].(common.Values); known {
			d.template, _ = template["Name"].(string)
		}
	}
	return ""
}

// mark puts the call of enter in front of all templates of the chart: the library does not tell which one runs.
func (d *draws) mark(c *chart.Chart) {
	marked := map[any]bool{} // charts under two aliases share their templates
	var visit func(c *chart.Chart)
	visit = func(c *chart.Chart) {
		for _, file := range c.Templates {
			if file != nil && !isPartial(file.Name) && !marked[file] {
				marked[file] = true
				file.Data = append([]byte(enterText), file.Data...)
			}
		}
		for _, sub := range c.Dependencies() {
			visit(sub)
		}
	}
	visit(c)
}

// isNotes tells the text for a person who installs a chart by hand.
func isNotes(name string) bool { return strings.HasSuffix(name, "NOTES.txt") }

// isPartial tells the templates that are only included by others.
func isPartial(name string) bool { return strings.HasPrefix(path.Base(name), "_") }

// list gives what was used, sorted, with the templates' names as show gives them.
func (d *draws) list(show func(string) string) []Drawn {
	out := make([]Drawn, 0, len(d.used))
	for each := range d.used {
		if isNotes(each.Template) {
			continue // nobody gets to see them
		}
		out = append(out, Drawn{show(each.Template), each.Function})
	}
	slices.SortFunc(out, func(a, b Drawn) int {
		return cmp.Or(cmp.Compare(a.Template, b.Template), cmp.Compare(a.Function, b.Function))
	})
	return out
}

// functions are Helm's template functions that are not functions of their inputs, made so.
func (d *draws) functions() template.FuncMap {
	table := template.FuncMap{
		enterFunction: d.enter, "keys": sortedKeys, "values": sortedValues,
		"randAlphaNum": d.letters("randAlphaNum", digits+upper+lower),
		"randAlpha":    d.letters("randAlpha", upper+lower),
		"randNumeric":  d.letters("randNumeric", digits),
		"randAscii":    d.letters("randAscii", ascii()),
		"randBytes":    d.randBytes, "randInt": d.randInt, "shuffle": d.shuffle, "uuidv4": d.uuid,
		"bcrypt": d.bcrypt, "htpasswd": d.htpasswd, "encryptAES": d.encryptAES,
	}
	for _, more := range []template.FuncMap{d.clockFunctions(), d.certificateFunctions()} {
		for name, function := range more {
			table[name] = function
		}
	}
	return table
}
