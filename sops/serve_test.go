package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"gitopsd/sops/sealing"
)

// talk is a server with the test at its other end.
type talk struct {
	t   *testing.T
	in  *io.PipeWriter
	out *io.PipeReader
	end chan error
	net []bool // what the seal was told
}

func newTalk(t *testing.T) *talk {
	in, write := io.Pipe()
	read, out := io.Pipe()
	one := &talk{t: t, in: write, out: read, end: make(chan error, 1)}
	server := newServer(in, out)
	server.seal = func(network bool) string {
		one.net = append(one.net, network)
		return "test"
	}
	go func() { one.end <- server.run(greeting("test")) }()
	if hello := one.receive(); !strings.Contains(hello, `"protocol":1`) || !strings.Contains(hello, `"decrypt"`) {
		t.Fatal(hello)
	}
	t.Cleanup(func() {
		_ = write.Close()
		if err := <-one.end; err != nil {
			t.Error(err)
		}
	})
	return one
}

func (o *talk) send(id int, method string, params any) {
	o.t.Helper()
	body := encode(map[string]any{"id": id, "method": method, "deadline_ms": 60000, "params": params})
	if err := writeFrame(o.in, body); err != nil {
		o.t.Fatal(err)
	}
}

func (o *talk) receive() string {
	o.t.Helper()
	body, err := readFrame(o.out)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(body)
}

func (o *talk) ask(id int, method string, params any) string {
	o.t.Helper()
	o.send(id, method, params)
	return o.receive()
}

func TestTheKeysComeFirstAndOnce(t *testing.T) {
	one := newTalk(t)
	if told := one.ask(1, "decrypt", decryptParams{}); !strings.Contains(told, "must bring the keys") {
		t.Error(told)
	}
	pair := ageKey(t)
	told := one.ask(2, "keys", keysParams{Age: []string{pair.Private}})
	if !strings.Contains(told, pair.Name) || strings.Contains(told, "SECRET") {
		t.Error(told)
	}
	if told := one.ask(3, "keys", keysParams{}); !strings.Contains(told, "already") {
		t.Error(told)
	}
	if len(one.net) != 1 || one.net[0] {
		t.Errorf("the network was left open: %v", one.net)
	}
}

func TestTheNetworkIsOpenOnlyForKeyServicesThatAreNamed(t *testing.T) {
	for want, kms := range map[bool]*kmsParams{false: {}, true: {Keys: []string{"projects/a/"}}} {
		one := newTalk(t)
		one.ask(1, "keys", keysParams{KMS: kms})
		if len(one.net) != 1 || one.net[0] != want {
			t.Errorf("%v for %v", one.net, kms)
		}
	}
}

func TestManyRequestsAreAnsweredEachWithItsOwn(t *testing.T) {
	one := newTalk(t)
	pair := ageKey(t)
	one.ask(1, "keys", keysParams{Age: []string{pair.Private}})
	const many = 20
	go func() {
		for id := 2; id < 2+many; id++ {
			cipher := sealed(t, sealing.File{Format: "dotenv", Content: fmt.Appendf(nil, "A=%d\n", id), Age: []string{pair.Public}})
			one.send(id, "decrypt", decryptParams{Path: "f", Format: "dotenv", Content: cipher, Age: []int{0}})
		}
	}()
	for range many {
		var told struct {
			ID     int               `json:"id"`
			Result map[string][]byte `json:"result"`
		}
		if err := json.Unmarshal([]byte(one.receive()), &told); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("A=%d\n", told.ID); string(told.Result["content_base64"]) != want {
			t.Errorf("%q is not %q", told.Result, want)
		}
	}
}

func TestWhatIsNoRequestIsAnsweredWithoutQuotingIt(t *testing.T) {
	one := newTalk(t)
	for _, body := range []string{`{"id":1,"method":"keys","params":{"age":"CANARY"}}`, `{"id":1,"method":"keys","params":{"CANARY":1}}`, `CANARY`} {
		if err := writeFrame(one.in, []byte(body)); err != nil {
			t.Fatal(err)
		}
		if told := one.receive(); strings.Contains(told, "CANARY") || !strings.Contains(told, "not valid") {
			t.Error(told)
		}
	}
	if told := one.ask(4, "nonsense", nil); !strings.Contains(told, "unknown method") {
		t.Error(told)
	}
}

func TestAFrameThatIsTooLargeEndsTheProcess(t *testing.T) {
	server := newServer(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff}), io.Discard)
	if err := server.run(greeting("test")); err == nil {
		t.Error("it went on")
	}
}
