package main

import "time"

// Every limit of the engine, by name. An input that crosses one is answered with code "limit".
const (
	maxRequestBytes  = 64 << 20  // one request frame
	maxAnswerBytes   = 256 << 20 // one answer frame
	maxFileBytes     = 50 << 20  // one file of a snapshot
	maxReadBytes     = 256 << 20 // all files that one request reads
	maxFiles         = 50_000    // files that one request reads
	maxDepth         = 64        // folders below the path of a request
	maxLinks         = 40        // symbolic links followed for one path, as Linux does
	maxPathLength    = 4096
	maxURLLength     = 2048
	maxManifests     = 100_000
	maxExpandedBytes = 64 << 20 // a YAML file after its aliases are expanded (nodeCost for each node)
	nodeCost         = 64       // what one YAML node counts, besides its text

	maxArchiveBytes   = 100 << 20 // all that one chart archive unpacks to, archives inside it included
	maxArchiveEntries = 10_000
	maxArchiveNesting = 8 // archives in archives, and local (file://) dependencies of dependencies

	maxSchemaBytes = 5 << 20
	maxSchemaRefs  = 10_000
	maxSchemaDepth = 500

	maxParameterName  = 1024
	maxParameterIndex = 65_536
	maxParameterDepth = 30
	maxParameterValue = 1 << 20

	maxGlobLength     = 1024
	maxMessageLength  = 8 << 10
	maxWarnings       = 100
	defaultDirectory  = 10 << 20  // combined size of a directory's manifests, as Argo CD's reposerver.max.combined.directory.manifests.size
	maxStackBytes     = 256 << 20 // of one goroutine; an endless recursion ends the process there
	defaultDeadline   = 60 * time.Second
	stuckGrace        = 20 * time.Millisecond
	memorySampleEvery = 20 * time.Millisecond
	memoryHeadroom    = 64 << 20 // what the process holds besides the heap
	memoryReturnAfter = 3 * time.Second
)
