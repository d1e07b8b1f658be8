// Command seal makes keys and encrypted files for the tests of gitopsd. It reads one JSON object on standard input:
// {"age": COUNT, "pgp": [PASSPHRASE, …], "files": […]}, and answers {"age": [keys], "pgp": [keys], "files": [base64]}.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"gitopsd/sops/sealing"
)

type asked struct {
	Age   int            `json:"age"`
	PGP   []string       `json:"pgp"`
	Files []sealing.File `json:"files"`
}

type answered struct {
	Age   []sealing.Pair `json:"age"`
	PGP   []sealing.Pair `json:"pgp"`
	Files [][]byte       `json:"files"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "seal:", err)
		os.Exit(1)
	}
}

func run() error {
	var want asked
	if err := json.NewDecoder(os.Stdin).Decode(&want); err != nil {
		return err
	}
	var made answered
	for range want.Age {
		pair, err := sealing.Age()
		if err != nil {
			return err
		}
		made.Age = append(made.Age, pair)
	}
	for _, passphrase := range want.PGP {
		pair, err := sealing.PGP(passphrase)
		if err != nil {
			return err
		}
		made.PGP = append(made.PGP, pair)
	}
	for _, file := range want.Files {
		sealed, err := sealing.Seal(file)
		if err != nil {
			return err
		}
		made.Files = append(made.Files, sealed)
	}
	return json.NewEncoder(os.Stdout).Encode(made)
}
