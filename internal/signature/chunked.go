package signature

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// maxChunk bounds a chunk, which is in memory until its signature is known.
	maxChunk = 1 << 20
	// maxChunkHeader bounds the line before a chunk.
	maxChunkHeader = 256
	// chunkSize is how large our own chunks are.
	chunkSize = 64 << 10

	chunkAlgorithm = Algorithm + "-PAYLOAD"
	chunkSignature = ";chunk-signature="
)

// chunker signs chunks, each over the signature of the one before.
type chunker struct {
	key      []byte
	head     string // algorithm, time and scope
	previous string
}

func (c *claim) chunker(key []byte, seed string) *chunker {
	return &chunker{key: key, head: chunkAlgorithm + "\n" + c.time.Format(timeForm) + "\n" + c.scope() + "\n", previous: seed}
}

// next is the signature of the next chunk.
func (s *chunker) next(data []byte) string {
	sum := sha256.Sum256(data)
	s.previous = hex.EncodeToString(mac(s.key, s.head+s.previous+"\n"+digest("")+"\n"+hex.EncodeToString(sum[:])))
	return s.previous
}

// chunked is a request whose body comes in signed chunks.
func (c *claim) chunked(r *http.Request, key []byte) (*http.Request, error) {
	size := int64(-1)
	if text := r.Header.Get(headerDecodedLength); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || !slices.Contains(c.headers, strings.ToLower(headerDecodedLength)) {
			return nil, invalid("%s must be the number of bytes of the body without its chunks' signatures, and be signed.", headerDecodedLength)
		}
		size = n
	}
	body := &chunkReader{in: bufio.NewReaderSize(r.Body, maxChunkHeader*16), body: r.Body, sign: c.chunker(key, c.signature), known: size >= 0, left: size}
	changed := withBody(r, body, size)
	changed.Header = r.Header.Clone()
	changed.Header.Del("Content-Encoding") // aws-chunked
	return changed, nil
}

// chunkReader gives what chunks hold, each once its signature is known.
type chunkReader struct {
	in    *bufio.Reader
	body  io.Closer
	sign  *chunker
	chunk []byte // what is left of the current one
	known bool   // whether a size was declared
	left  int64  // of it
	err   error
}

// Read gives the next bytes.
func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.chunk) == 0 && c.err == nil && len(p) > 0 {
		c.chunk, c.err = c.next()
	}
	n := copy(p, c.chunk)
	c.chunk = c.chunk[n:]
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, c.err
}

// next takes one chunk: SIZE;chunk-signature=SIGNATURE, a line break, the bytes, a line break. The last one is empty.
func (c *chunkReader) next() ([]byte, error) {
	size, given, err := c.header()
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer // grows with what arrives, not with what is announced
	if _, err := io.CopyN(&data, c.in, size); err != nil {
		return nil, cut(err)
	}
	var end [2]byte
	if _, err := io.ReadFull(c.in, end[:]); err != nil || string(end[:]) != "\r\n" {
		return nil, badChunk("a chunk does not end in a line break")
	}
	ours, err := hex.DecodeString(c.sign.next(data.Bytes()))
	if err != nil || !hmac.Equal(ours, given) {
		return nil, mismatch()
	}
	c.left -= size
	switch {
	case c.known && c.left < 0:
		return nil, badChunk("the chunks hold more than " + headerDecodedLength + " says")
	case c.known && size == 0 && c.left > 0:
		return nil, badChunk("the chunks hold less than " + headerDecodedLength + " says")
	case size == 0:
		return nil, io.EOF
	default:
		return data.Bytes(), nil
	}
}

// header reads the line before a chunk.
func (c *chunkReader) header() (size int64, signature []byte, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return 0, nil, cut(err)
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	digits, sig, signed := strings.Cut(text, chunkSignature)
	if !ok || !signed || len(line) > maxChunkHeader {
		return 0, nil, badChunk("a chunk does not begin with SIZE" + chunkSignature + "SIGNATURE")
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || n > maxChunk {
		return 0, nil, badChunk(fmt.Sprintf("the size of a chunk must be a number in hexadecimal digits of at most %d", maxChunk))
	}
	signature, err = hex.DecodeString(sig)
	if err != nil || len(signature) != sha256.Size {
		return 0, nil, mismatch()
	}
	return int64(n), signature, nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read a chunk: %w", err)
}

func badChunk(what string) error {
	return lambda.Errorf(lambda.CodeInvalidRequestContent, "The body cannot be read as signed chunks: %s.", what)
}

// Close ends the body.
func (c *chunkReader) Close() error {
	return c.body.Close()
}

// chunkWriter puts a body into signed chunks while it is read.
type chunkWriter struct {
	in   io.ReadCloser
	sign *chunker
	out  bytes.Buffer // the rest of the current chunk
	buf  []byte
	err  error // after out
}

// Read gives the next bytes of the chunks.
func (c *chunkWriter) Read(p []byte) (int, error) {
	for c.out.Len() == 0 && c.err == nil {
		n, err := io.ReadFull(c.in, c.buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			c.err = fmt.Errorf("read what is to be sent: %w", err)
			break
		}
		if n > 0 {
			c.put(c.buf[:n])
		}
		if err != nil {
			c.put(nil)
			c.err = io.EOF
		}
	}
	if c.out.Len() > 0 {
		return c.out.Read(p)
	}
	return 0, c.err
}

func (c *chunkWriter) put(data []byte) {
	fmt.Fprintf(&c.out, "%x%s%s\r\n", len(data), chunkSignature, c.sign.next(data))
	c.out.Write(data)
	c.out.WriteString("\r\n")
}

// Close ends the body.
func (c *chunkWriter) Close() error {
	return c.in.Close()
}
