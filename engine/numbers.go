package main

import (
	"encoding/json"
	"strconv"
)

// kubectlNumbers writes the numbers of a JSON text as kubectl sends them: whole numbers of 64 bits stay as they are,
// every other one is a float64 (1.0 becomes 1, 12345678901234567890 becomes 12345678901234567000). The text is
// the same slice where nothing is to be changed. A number that no float64 holds is a fault.
func kubectlNumbers(text json.RawMessage) (json.RawMessage, *Fault) {
	var out []byte
	kept := 0 // the bytes of text that out holds already
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			i = stringEnd(text, i)
		case c == '-' || c >= '0' && c <= '9':
			end := numberEnd(text, i)
			number, fault := kubectlNumber(string(text[i:end]))
			if fault != nil {
				return nil, fault
			}
			if number != "" {
				out = append(append(out, text[kept:i]...), number...)
				kept = end
			}
			i = end
		default:
			i++
		}
	}
	if kept == 0 {
		return text, nil
	}
	return append(out, text[kept:]...), nil
}

// stringEnd is the index after the string that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func numberEnd(text []byte, i int) int {
	for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == '.' || text[i] == 'e' || text[i] == 'E' || text[i] == '+' || text[i] == '-') {
		i++
	}
	return i
}

// kubectlNumber is the number as kubectl writes it, "" where that is the same.
func kubectlNumber(number string) (string, *Fault) {
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
		if whole == 0 && number != "0" {
			return "0", nil
		}
		return "", nil
	}
	float, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return "", faultf(codeParse, "a number is larger than any that Kubernetes knows")
	}
	written := string(encode(float))
	if written == number {
		return "", nil
	}
	return written, nil
}
