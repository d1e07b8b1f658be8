package main

import "time"

// Every limit of the process, by name.
const (
	maxRequestBytes  = 64 << 20 // one request frame
	maxDataKeyBytes  = 4 << 10  // the key of a file, decrypted
	maxRecipients    = 12       // named in an error
	maxNameLength    = 200      // of a recipient in an error
	maxMessageLength = 1000
	maxStackBytes    = 256 << 20
	atOnce           = 4 // requests worked on at the same time

	defaultDeadline   = 30 * time.Second
	memorySampleEvery = 20 * time.Millisecond
	memoryReturnAfter = 3 * time.Second
	memoryHeadroom    = 64 << 20 // what the process holds besides the heap
)
