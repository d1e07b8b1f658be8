package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/blowfish"
)

// bcryptCost is the cost of Helm's bcrypt; the salt is 16 bytes, and a password has at most 72.
const (
	bcryptCost     = 10
	bcryptSalt     = 16
	bcryptPassword = 72
)

var bcryptText = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// bcrypt answers as the original does, with the reason in place of the hash where there can be none.
func (d *draws) bcrypt(password string) string { return d.hash("bcrypt", password) }

func (d *draws) htpasswd(user, password string) string {
	if strings.Contains(user, ":") {
		return "invalid username: " + user
	}
	return user + ":" + d.hash("htpasswd", password, user)
}

func (d *draws) hash(function, password string, more ...any) string {
	random, _ := d.stream(function, append(more, password)...)
	if len(password) > bcryptPassword {
		return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
	}
	salt := make([]byte, bcryptSalt)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "failed to encrypt string with bcrypt: " + err.Error()
	}
	hashed, err := bcryptHash([]byte(password), salt)
	if err != nil {
		return "failed to encrypt string with bcrypt: " + err.Error()
	}
	return hashed
}

// bcryptHash is bcrypt, version 2a, with a salt of the caller's: the library draws its own. Provos and Mazières, "A
// Future-Adaptable Password Scheme".
func bcryptHash(password, salt []byte) (string, error) {
	key := append(append([]byte{}, password...), 0)
	state, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return "", err
	}
	for range 1 << bcryptCost {
		blowfish.ExpandKey(key, state)
		blowfish.ExpandKey(salt, state)
	}
	text := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < len(text); i += blowfish.BlockSize {
		block := text[i : i+blowfish.BlockSize]
		for range 64 {
			state.Encrypt(block, block)
		}
	}
	return fmt.Sprintf("$2a$%02d$%s%s", bcryptCost, bcryptText.EncodeToString(salt), bcryptText.EncodeToString(text[:23])), nil
}
