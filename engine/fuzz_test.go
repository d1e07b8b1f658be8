package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// `make fuzz` runs these for long, with coverage to guide it; `go test` runs their seeds and, by TestFuzzSamples,
// some thousand blind changes of them.

const longestInput = 10 * time.Second

var decoderSeeds = []string{
	"", "---\n", cm("a"), cm("a") + "---\n" + cm("b"), "\xef\xbb\xbf" + cm("a"), "\xff\xfea\x00:\x00 \x001\x00", "\xfe\xff\x00a", "a: \xff",
	"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- 1\n", `{"apiVersion":"v1","kind":"A","n":1e3}{"a":[]}`,
	"x: &x {a: 1}\ny: {<<: *x, a: 2}\nz: [*x, *x]\n", "a: &a [*a]\n", "? {a: b}\n: c\n", "1: a\n0x1: b\n", "a: !!binary aGk=\nb: !x y\n",
	"%YAML 1.1\n---\na: 1\n...\nb: 2\n", "a: |\n  x\n ---\nb: >-\n  y\n", "[1, 2", "a: 'x\n", "a: \"\\u12\"\n", "- - - - a\n", "{{}}", "a: {b: [c, {d: e}]}\r\n",
	"a: .inf\nb: 1e400\nc: 0o17\nd: 1_0\n", "k: *nothing\n", strings.Repeat("[", 200), strings.Repeat("a: &b\n", 3), "--- {a: b}\n--- # c\n",
}

func FuzzDecoder(f *testing.F) {
	for _, seed := range decoderSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkDecoder(t, data) })
}

// checkDecoder: no panic, no long wait; what comes out are whole objects, the same each time, or a fault of a known kind.
func checkDecoder(t *testing.T, data []byte) {
	began := time.Now()
	var warnings Warnings
	manifests, err := decodeManifests(data, "m.yaml", &warnings)
	if took := time.Since(began); took > longestInput {
		t.Fatalf("decoding %d bytes took %s", len(data), took)
	}
	again, errAgain := decodeManifests(data, "m.yaml", &Warnings{})
	if (err == nil) != (errAgain == nil) || len(again) != len(manifests) {
		t.Fatalf("decoded twice: %v and %v, %d and %d objects", err, errAgain, len(manifests), len(again))
	}
	var fault *Fault
	if err != nil && (!errors.As(err, &fault) || fault.Code != codeParse && fault.Code != codeLimit) {
		t.Fatalf("an error of another kind: %v", err)
	}
	for index, manifest := range manifests {
		var object struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := json.Unmarshal(manifest.Object, &object); err != nil || object.APIVersion == "" || object.Kind == "" {
			t.Fatalf("not an object: %s (%v)", manifest.Object, err)
		}
		if !bytes.Equal(manifest.Object, again[index].Object) {
			t.Fatalf("decoded twice: %s and %s", manifest.Object, again[index].Object)
		}
	}
}

func frame(body string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + body
}

var frameSeeds = []string{
	"", "\x00", "\x00\x00\x00", frame(""), frame("{}"), frame("[]"), frame("{"), "\xff\xff\xff\xff", "\x00\x00\x00\x10{}",
	frame(`{"id":1,"method":"decode","params":{"documents_base64":"YTogMQ==","file":"a"}}`),
	frame(`{"id":1,"method":"decode","params":{"documents_base64":"YTogMQ=="}}`) + frame(`{"id":1,"method":"cancel","params":{"id":1}}`),
	frame(`{"id":2,"method":"none"}`) + frame(`{"id":-1}`) + frame(`{"id":3,"method":"decode","deadline_ms":9223372036854775807,"params":{}}`),
	frame(`{"id":4,"method":"decode","params":{"x":1},"roots":{"$a":"b"},"given":[{"need":{"kind":"http"},"error":"e"}]}`),
	frame(`{"id":18446744073709551615,"method":"decode","deadline_ms":-5,"params":null}`),
}

func FuzzFrames(f *testing.F) {
	for _, seed := range frameSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkFrames(t, data) })
}

type lockedBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(data)
}

// checkFrames: whatever comes in, each whole frame gets one answer, and answers are whole frames of JSON.
func checkFrames(t *testing.T, data []byte) {
	out := &lockedBuffer{}
	worker := newWorker(bytes.NewReader(data), out, "fuzzed", map[string]method{"decode": decodeMethod})
	_ = worker.Run("")
	asked := 0
	for rest := data; len(rest) >= 4; asked++ {
		size := uint64(binary.BigEndian.Uint32(rest))
		if size > maxRequestBytes || uint64(len(rest)-4) < size {
			break
		}
		rest = rest[4+size:]
	}
	// A request leaves `pending` a moment before its answer is out.
	for began := time.Now(); worker.busy() || out.answers(t) < asked+1; runtime.Gosched() {
		if time.Since(began) > longestInput {
			t.Fatalf("%d answers to %d requests, and the rest never come", out.answers(t)-1, asked)
		}
	}
	if answers := out.answers(t); answers != asked+1 { // and the greeting
		t.Fatalf("%d answers to %d requests", answers-1, asked)
	}
}

// answers counts the answers that are out: whole frames of JSON.
func (b *lockedBuffer) answers(t *testing.T) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := 0
	for rest := b.data.Bytes(); len(rest) > 0; count++ {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.BigEndian.Uint32(rest)) {
			return count // its end is still to come
		}
		size := binary.BigEndian.Uint32(rest)
		var answer map[string]json.RawMessage
		if err := json.Unmarshal(rest[4:4+size], &answer); err != nil {
			t.Fatalf("an answer is no JSON: %v", err)
		}
		rest = rest[4+size:]
	}
	return count
}

// A case is a path, then lines `link -> target`; {root} stands for the root's absolute path.
var resolveSeeds = []string{
	"a/b.txt", ".", "", "..", "a/..", "a/../..", "a/../../a", "/etc/passwd", "/a", "a//b.txt", "./a/./b.txt", "a/b.txt/..", "a/b.txt/x", "gone/../a", "a\x00b",
	"l\nl -> a", "l/b.txt\nl -> a", "l\nl -> ..", "a/l/x\na/l -> ../..", "l\nl -> l", "l\nl -> m\nm -> l", "a/l\na/l -> ../a/b.txt", "l\nl -> /etc",
	"l\nl -> {root}/a", "l/../b.txt\nl -> a/c", "l\nl -> a/../../a", "l\nl -> gone", "l/x\nl -> a/b.txt", "a/c/d\na/c/d -> ../../a/c/../b.txt", "l\nl -> ./././a//c",
}

func FuzzResolve(f *testing.F) {
	for _, seed := range resolveSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkResolve(t, text) })
}

// checkResolve compares Tree.Resolve with the kernel: what it finds is what the kernel finds, and inside of the root.
func checkResolve(t *testing.T, text string) {
	if len(text) > 2000 || !utf8.ValidString(text) {
		return
	}
	root := t.TempDir()
	for _, folder := range []string{"a/c", "b"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"a/b.txt", "x", "a/c/y"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(text, "\n")
	for _, line := range lines[1:] {
		link, target, isLink := strings.Cut(line, " -> ")
		// Only names directly in folders that are there: a link must not be made through another link.
		if isLink && slices.Contains([]string{".", "a", "a/c", "b"}, path.Dir(link)) && path.Base(link) != ".." {
			_ = os.Symlink(strings.ReplaceAll(target, "{root}", root), filepath.Join(root, link))
		}
	}
	tree, err := openTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	asked := lines[0]
	real, info, err := tree.Resolve(asked)
	again, _, errAgain := tree.Resolve(asked) // folders are remembered
	if real != again || (err == nil) != (errAgain == nil) {
		t.Fatalf("%q resolved to %q (%v), then to %q (%v)", asked, real, err, again, errAgain)
	}
	// We take "file/" and "file/." for the file, the kernel does not.
	plain := asked
	for strings.HasSuffix(plain, "/") || strings.HasSuffix(plain, "/.") {
		plain = strings.TrimSuffix(strings.TrimSuffix(plain, "."), "/")
	}
	seen, kernel := os.Stat(root + "/" + plain)
	if err != nil {
		var fault *Fault
		if !errors.As(err, &fault) || fault.Code != codePath && fault.Code != codeMissing {
			t.Fatalf("an error of another kind: %v", err)
		}
		if fault.Code == codeMissing && kernel == nil {
			t.Fatalf("%q is there, but: %v", asked, err)
		}
		return
	}
	if path.IsAbs(real) || real != path.Clean(real) || real == ".." || strings.HasPrefix(real, "../") {
		t.Fatalf("%q resolved to %q", asked, real)
	}
	if found, err := os.Lstat(filepath.Join(root, real)); err != nil || !os.SameFile(found, info) {
		t.Fatalf("%q resolved to %q, which is something else (%v)", asked, real, err)
	}
	if kernel != nil || !os.SameFile(seen, info) {
		t.Fatalf("%q resolved to %q, the kernel says %v (%v)", asked, real, seen, kernel)
	}
}

// TestFuzzSamples changes the seeds blindly, the same way each time.
func TestFuzzSamples(t *testing.T) {
	t.Run("decoder", func(t *testing.T) {
		sample(decoderSeeds, 4000, func(input string) { checkDecoder(t, []byte(input)) })
	})
	t.Run("frames", func(t *testing.T) { sample(frameSeeds, 2000, func(input string) { checkFrames(t, []byte(input)) }) })
	t.Run("resolve", func(t *testing.T) { sample(resolveSeeds, 1000, func(input string) { checkResolve(t, input) }) })
}

func sample(seeds []string, count int, check func(input string)) {
	random := rand.New(rand.NewSource(7))
	for range count {
		input := []byte(seeds[random.Intn(len(seeds))])
		for range 1 + random.Intn(4) {
			other := seeds[random.Intn(len(seeds))]
			at := random.Intn(len(input) + 1)
			switch random.Intn(4) {
			case 0:
				input = slices.Insert(input, at, byte(random.Intn(256)))
			case 1:
				input = slices.Delete(input, at, min(len(input), at+1+random.Intn(3)))
			case 2:
				input = slices.Insert(input, at, []byte(other[:random.Intn(len(other)+1)])...)
			default:
				input = append(input[:at:at], other[random.Intn(len(other)+1):]...)
			}
		}
		check(string(input))
	}
}
