package gateway

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// maxUploadBody is the largest request that carries an archive: the largest archive in base64 and 256 KiB besides.
	maxUploadBody = 70167211
	// maxUploadMembers is the most that all members but the archive may take.
	maxUploadMembers = 256 << 10
	// inMemory is how much of an archive is kept in memory before it goes to a file.
	inMemory = 1 << 20
	// readBuffer is how much of a request is read at once.
	readBuffer = 64 << 10
	// uploadTime is how long an upload may take.
	uploadTime = 10 * time.Minute
)

// archive is an uploaded zip that waits to be stored. Close it.
type archive struct {
	head    bytes.Buffer
	file    *os.File
	dir     string
	size    int64
	present bool
	fetched bool // it comes out of a bucket, where AWS bounds only what it unpacks to
}

// Write keeps the next bytes. It fails above the size that AWS allows.
func (a *archive) Write(p []byte) (int, error) {
	if a.size+int64(len(p)) > a.limit() {
		return 0, a.tooLarge()
	}
	a.size += int64(len(p))
	if a.size <= inMemory {
		return a.head.Write(p)
	}
	if err := a.spill(); err != nil {
		return 0, err
	}
	n, err := a.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("cannot keep an upload: %w", err)
	}
	return n, nil
}

// limit is the most bytes that the archive may have.
func (a *archive) limit() int64 {
	if a.fetched {
		return lambda.MaxUnzipped - 1
	}
	return lambda.MaxZip
}

func (a *archive) tooLarge() error {
	if a.fetched {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "Unzipped size must be smaller than %d bytes", lambda.MaxUnzipped)
	}
	return lambda.Errorf(lambda.CodeRequestEntityTooLarge, "Zipped size must be smaller than %d bytes", lambda.MaxZip)
}

// spill moves what is in memory to a file that has no name any more, so that nothing is left over after a crash.
func (a *archive) spill() error {
	if a.file != nil {
		return nil
	}
	f, err := os.CreateTemp(a.dir, "upload-*.zip")
	if err != nil {
		return fmt.Errorf("cannot keep an upload: %w", err)
	}
	a.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("cannot keep an upload: %w", err)
	}
	if _, err := f.Write(a.head.Bytes()); err != nil {
		return fmt.Errorf("cannot keep an upload: %w", err)
	}
	a.head = bytes.Buffer{}
	return nil
}

// Close drops the bytes.
func (a *archive) Close() {
	if a.file != nil {
		_ = a.file.Close() // it was only read since the last check
	}
}

func (a *archive) readerAt() io.ReaderAt {
	if a.file != nil {
		return a.file
	}
	return bytes.NewReader(a.head.Bytes())
}

// check says whether the archive is one that Lambda takes: a zip with at least one entry, not too large when unpacked.
func (a *archive) check() error {
	r, err := zip.NewReader(a.readerAt(), a.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if len(r.File) == 0 {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "Uploaded file must be a non-empty zip")
	}
	var unpacked uint64
	for _, f := range r.File {
		if unpacked += f.UncompressedSize64; unpacked >= lambda.MaxUnzipped || f.UncompressedSize64 >= lambda.MaxUnzipped {
			return lambda.Errorf(lambda.CodeInvalidParameterValue, "Unzipped size must be smaller than %d bytes", lambda.MaxUnzipped)
		}
	}
	return nil
}

// store checks the archive and hands it to the engine.
func (g *gateway) store(ctx context.Context, a *archive) (*v1alpha1.Blob, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	blob, err := g.engine.PutCode(ctx, io.NewSectionReader(a.readerAt(), 0, a.size), a.limit())
	if err != nil {
		return nil, err
	}
	return &blob, nil
}

// decodeUpload is decode for a body with an archive in base64 at the given path of members. The archive never is in
// memory as a whole.
func (g *gateway) decodeUpload(c *call, in any, path ...string) (*archive, error) {
	if c.r.ContentLength > maxUploadBody {
		c.w.Header().Set("Connection", "close")
		return nil, c.tooLarge(maxUploadBody)
	}
	conn := http.NewResponseController(c.w)
	// Writers without deadlines (tests, wrappers) are read without one.
	_ = conn.SetReadDeadline(time.Now().Add(uploadTime))
	a := &archive{dir: g.TempDir}
	members, err := extract(http.MaxBytesReader(c.w, c.r.Body, maxUploadBody), path, a)
	if err != nil {
		// Clients send everything before they look for an answer; without this they would see a broken connection.
		_, _ = io.CopyN(io.Discard, c.r.Body, maxUploadBody)
		a.Close()
		return nil, c.uploadError(err)
	}
	_ = conn.SetReadDeadline(time.Time{}) // else the server would take the caller for gone when it passes
	if err := decodeJSON(members, in); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// taken is the member that an archive was taken out of. Anything left in it came under another spelling of its name.
type taken struct{}

// UnmarshalJSON fails unless nothing is left.
func (taken) UnmarshalJSON(b []byte) error {
	if text := string(b); text == `""` || text == "null" {
		return nil
	}
	return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: ZipFile must be a text in base64, and be spelled so.")
}

// uploadError says what is wrong with an upload.
func (c *call) uploadError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, errMembersTooLarge) {
		return c.tooLarge(maxUploadBody)
	}
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) {
		return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: ZipFile is not base64.")
	}
	if errors.Is(err, errNotJSON) {
		return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: not a JSON object.")
	}
	var known *lambda.Error
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return incomplete(err)
	}
	return err
}

var (
	errMembersTooLarge = errors.New("members too large")
	errNotJSON         = errors.New("not JSON")
)

// extract copies a JSON text, but the string at a path of members goes decoded from base64 to a, and an empty string
// stands in its place. It looks at the text only as far as it must to find that string; the caller parses what is left.
func extract(r io.Reader, path []string, a *archive) ([]byte, error) {
	x := &extractor{in: bufio.NewReaderSize(r, readBuffer), path: path, archive: a}
	for {
		b, err := x.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return x.out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the request: %w", err)
		}
		if err := x.next(b); err != nil {
			return nil, err
		}
		if len(x.out) > maxUploadMembers {
			return nil, errMembersTooLarge
		}
	}
}

// extractor is the state of extract.
type extractor struct {
	in      *bufio.Reader
	out     []byte
	archive *archive
	path    []string
	objects []bool   // of the containers around: whether it is an object
	keys    []string // of the containers around: the member at hand
	value   bool     // whether the next string of an object is a value
}

// next takes one byte outside of strings, or a whole string.
func (x *extractor) next(b byte) error {
	if b == '"' {
		return x.text()
	}
	x.out = append(x.out, b)
	switch b {
	case '{', '[':
		x.objects, x.keys, x.value = append(x.objects, b == '{'), append(x.keys, ""), false
	case '}', ']':
		if len(x.objects) == 0 {
			return errNotJSON
		}
		x.objects, x.keys = x.objects[:len(x.objects)-1], x.keys[:len(x.keys)-1]
	case ':':
		x.value = true
	case ',':
		x.value = false
	}
	return nil
}

// text takes a string: the archive, a member's name or any other value.
func (x *extractor) text() error {
	if x.value && x.atPath() {
		if x.archive.present {
			return lambda.Errorf(lambda.CodeInvalidRequestContent, "Could not parse request body into json: two members of the same name.")
		}
		x.archive.present = true
		x.out = append(x.out, `""`...)
		return x.decode()
	}
	start := len(x.out)
	x.out = append(x.out, '"')
	for {
		part, err := x.in.ReadSlice('"')
		x.out = append(x.out, part...)
		if len(x.out) > maxUploadMembers {
			return errMembersTooLarge
		}
		if err == nil && !escaped(x.out[start+1:len(x.out)-1]) {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return unexpected(err)
		}
	}
	if depth := len(x.keys); depth > 0 && x.objects[depth-1] && !x.value {
		x.keys[depth-1] = string(x.out[start+1 : len(x.out)-1])
	}
	return nil
}

// escaped reports whether what follows text is escaped: it ends in an odd number of backslashes.
func escaped(text []byte) bool {
	n := len(text) - len(bytes.TrimRight(text, `\`))
	return n%2 == 1
}

// atPath reports whether the value at hand is the one looked for.
func (x *extractor) atPath() bool {
	if len(x.keys) != len(x.path) {
		return false
	}
	for i, key := range x.keys {
		if !x.objects[i] || key != x.path[i] {
			return false
		}
	}
	return true
}

// decode hands the string that begins here to the archive.
func (x *extractor) decode() error {
	text := &stringReader{in: x.in}
	_, err := io.Copy(x.archive, base64.NewDecoder(base64.StdEncoding, text))
	if text.ended && errors.Is(err, io.ErrUnexpectedEOF) {
		return base64.CorruptInputError(x.archive.size) // the string ended, and the base64 had not
	}
	if err != nil {
		return fmt.Errorf("cannot decode an archive: %w", err)
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("cannot read a string: %w", err)
}

// stringReader reads a JSON string up to its closing quote. Of escapes it knows those that encoders use for characters
// of base64: \/ and \u00XX, and line breaks.
type stringReader struct {
	in    *bufio.Reader
	ended bool
}

// Read gives the next characters. It ends with io.EOF at the quote.
func (s *stringReader) Read(p []byte) (int, error) {
	if s.ended || len(p) == 0 {
		return 0, io.EOF
	}
	if n, err := s.plain(p); n > 0 || err != nil {
		return n, err
	}
	b, err := s.in.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	if b == '"' {
		s.ended = true
		return 0, io.EOF
	}
	p[0], err = s.unescape()
	if err != nil {
		return 0, err
	}
	return 1, nil
}

// plain gives what stands before the next quote or backslash; nothing if one of them is next.
func (s *stringReader) plain(p []byte) (int, error) {
	if _, err := s.in.Peek(1); err != nil {
		return 0, unexpected(err)
	}
	chunk, err := s.in.Peek(min(s.in.Buffered(), len(p)))
	if err != nil {
		return 0, unexpected(err)
	}
	for _, end := range []byte(`"\`) {
		if at := bytes.IndexByte(chunk, end); at >= 0 {
			chunk = chunk[:at]
		}
	}
	return s.in.Read(p[:copy(p, chunk)])
}

// unescape reads what follows a backslash.
func (s *stringReader) unescape() (byte, error) {
	b, err := s.in.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	switch b {
	case '/':
		return '/', nil
	case 'n', 'r':
		return '\n', nil
	case 'u':
		var digits [4]byte
		if _, err := io.ReadFull(s.in, digits[:]); err != nil {
			return 0, unexpected(err)
		}
		var char byte
		if _, err := fmt.Sscanf(string(digits[:]), "00%02x", &char); err != nil {
			return 0, base64.CorruptInputError(0)
		}
		return char, nil
	default:
		return 0, base64.CorruptInputError(0)
	}
}
