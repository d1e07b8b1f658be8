package main

import (
	"context"
	"crypto"
	"crypto/dsa" //nolint:staticcheck // Helm's genPrivateKey makes such keys
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
)

// keyRing remembers the last keys that were made from a seed: finding primes takes long, and a chart that is rendered
// again asks for the same ones. What names a key is as secret as the key.
type keyRing struct {
	mu    sync.Mutex
	keys  map[[sha256.Size]byte]crypto.PrivateKey
	order [][sha256.Size]byte
}

const keysKept = 128

var ring = keyRing{keys: map[[sha256.Size]byte]crypto.PrivateKey{}}

func (r *keyRing) find(name [sha256.Size]byte) crypto.PrivateKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[name]
}

func (r *keyRing) keep(name [sha256.Size]byte, key crypto.PrivateKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.keys[name]; known {
		return
	}
	if len(r.order) >= keysKept {
		delete(r.keys, r.order[0])
		r.order = r.order[1:]
	}
	r.keys[name] = key
	r.order = append(r.order, name)
}

// key makes the private key of one call, or finds it where the same was asked for before.
func (d *draws) key(random io.Reader, name [sha256.Size]byte, make func(context.Context, io.Reader) (crypto.PrivateKey, error)) (crypto.PrivateKey, error) {
	if found := ring.find(name); found != nil {
		return found, nil
	}
	made, err := make(d.ctx, random)
	if err == nil && d.kept {
		ring.keep(name, made)
	}
	return made, err
}

// genPrivateKey gives a key as PEM; like the original it answers in place of the key where there is none of the kind.
func (d *draws) genPrivateKey(kind string) (string, error) {
	random, name := d.stream("genPrivateKey", kind)
	makers := map[string]func(context.Context, io.Reader) (crypto.PrivateKey, error){
		"": rsaKey4096, "rsa": rsaKey4096, "dsa": dsaKey, "ecdsa": ecdsaKey, "ed25519": ed25519Key,
	}
	maker, known := makers[kind]
	if !known {
		return "Unknown type " + kind, nil
	}
	made, err := d.key(random, name, maker)
	if err != nil {
		return "", err
	}
	block, err := keyBlock(made)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(block)), nil
}

func rsaKey4096(ctx context.Context, random io.Reader) (crypto.PrivateKey, error) {
	return rsaKey(ctx, random, 4096)
}

func rsaKey2048(ctx context.Context, random io.Reader) (crypto.PrivateKey, error) {
	return rsaKey(ctx, random, 2048)
}

// rsaKey makes a key of two primes from random alone; Go's own generator takes no other source than the system's.
func rsaKey(ctx context.Context, random io.Reader, bits int) (*rsa.PrivateKey, error) {
	exponent := big.NewInt(65537)
	one := big.NewInt(1)
	primes := make([]*big.Int, 0, 2)
	for len(primes) < 2 {
		found, err := prime(ctx, random, bits/2)
		if err != nil {
			return nil, err
		}
		less := new(big.Int).Sub(found, one)
		usable := new(big.Int).GCD(nil, nil, exponent, less).Cmp(one) == 0
		if usable && (len(primes) == 0 || primes[0].Cmp(found) != 0) {
			primes = append(primes, found)
		}
	}
	order := new(big.Int).Mul(new(big.Int).Sub(primes[0], one), new(big.Int).Sub(primes[1], one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(primes[0], primes[1]), E: int(exponent.Int64())},
		D:         new(big.Int).ModInverse(exponent, order), Primes: primes,
	}
	key.Precompute()
	return key, key.Validate()
}

var smallPrimes = primesBelow(4096)

// primesBelow are the odd ones.
func primesBelow(limit int) []uint32 {
	composite := make([]bool, limit)
	var out []uint32
	for n := 3; n < limit; n += 2 {
		if composite[n] {
			continue
		}
		out = append(out, uint32(n))
		for multiple := n * n; multiple < limit; multiple += 2 * n {
			composite[multiple] = true
		}
	}
	return out
}

const (
	primeSpan  = 1 << 14 // how far above a random number a prime is looked for
	primeTests = 20      // a composite passes with a chance of 4^-20 at the most
)

// prime gives a prime with its two highest bits set, so that the product of two has all its bits.
func prime(ctx context.Context, random io.Reader, bits int) (*big.Int, error) {
	raw := make([]byte, bits/8)
	rests := make([]uint32, len(smallPrimes))
	for {
		if _, err := io.ReadFull(random, raw); err != nil {
			return nil, err
		}
		raw[0] |= 0xc0
		raw[len(raw)-1] |= 1
		start := new(big.Int).SetBytes(raw)
		for i, small := range smallPrimes {
			rests[i] = uint32(new(big.Int).Mod(start, big.NewInt(int64(small))).Uint64())
		}
		for step := uint32(0); step < primeSpan; step += 2 {
			if dividedBySmall(rests, step) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			candidate := new(big.Int).Add(start, big.NewInt(int64(step)))
			if candidate.BitLen() == bits && candidate.ProbablyPrime(primeTests) {
				return candidate, nil
			}
		}
	}
}

func dividedBySmall(rests []uint32, step uint32) bool {
	for i, small := range smallPrimes {
		if (rests[i]+step)%small == 0 {
			return true
		}
	}
	return false
}

func ecdsaKey(_ context.Context, random io.Reader) (crypto.PrivateKey, error) {
	raw := make([]byte, 32)
	for {
		if _, err := io.ReadFull(random, raw); err != nil {
			return nil, err
		}
		// One in 2^32 is not below the order of the curve.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			return key, nil
		}
	}
}

func ed25519Key(_ context.Context, random io.Reader) (crypto.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// dsaKey makes a key of 2048 and 256 bits.
func dsaKey(_ context.Context, random io.Reader) (crypto.PrivateKey, error) {
	key := new(dsa.PrivateKey)
	if err := dsa.GenerateParameters(&key.Parameters, random, dsa.L2048N256); err != nil {
		return nil, err
	}
	raw := make([]byte, 40) // 64 bits more than the order has: even enough
	if _, err := io.ReadFull(random, raw); err != nil {
		return nil, err
	}
	one := big.NewInt(1)
	key.X = new(big.Int).SetBytes(raw)
	key.X.Mod(key.X, new(big.Int).Sub(key.Q, one)).Add(key.X, one)
	key.Y = new(big.Int).Exp(key.G, key.X, key.P)
	return key, nil
}

// keyBlock is the key's PEM block, in the format that Helm gives each kind.
func keyBlock(key crypto.PrivateKey) (*pem.Block, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}, nil
	case *dsa.PrivateKey:
		der, err := asn1.Marshal(struct {
			Version       int
			P, Q, G, Y, X *big.Int
		}{0, k.P, k.Q, k.G, k.Y, k.X})
		return &pem.Block{Type: "DSA PRIVATE KEY", Bytes: der}, err
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(k)
		return &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}, err
	default:
		der, err := x509.MarshalPKCS8PrivateKey(k)
		return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, err
	}
}

// parseKey reads a key that can sign. Errors do not quote it.
func parseKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the private key is not PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a PEM block of type %q holds no private key that can sign", block.Type)
	}
	if err != nil {
		return nil, errors.New("the private key cannot be read")
	}
	signer, signs := key.(crypto.Signer)
	if !signs {
		return nil, errors.New("the private key cannot sign")
	}
	return signer, nil
}
