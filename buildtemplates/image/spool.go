package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// spool is an archive whose bytes can be read at any place.
type spool struct {
	io.ReaderAt
	io.Closer
	size int64
}

// spool opens the archive and proves its digest. Bytes that come as a stream are copied to a file below dir, which stays
// until the folder goes.
func (a *Archive) spool(ctx context.Context, dir string) (*spool, error) {
	if a.Open == nil {
		return nil, errors.New("archive cannot be opened: Open is not set")
	}
	src, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	if at, ok := src.(io.ReaderAt); ok {
		if err := a.prove(io.Discard, io.NewSectionReader(at, 0, a.Size+1)); err != nil {
			src.Close()
			return nil, err
		}
		return &spool{at, src, a.Size}, nil
	}
	defer src.Close()
	f, err := os.CreateTemp(dir, "archive-*.zip")
	if err != nil {
		return nil, fmt.Errorf("cannot copy archive: %w", err)
	}
	if err := a.prove(f, src); err != nil {
		f.Close()
		return nil, err
	}
	return &spool{f, f, a.Size}, nil
}

// prove copies what r gives to w and fails unless it is what the archive was said to be.
func (a *Archive) prove(w io.Writer, r io.Reader) error {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, hash), io.LimitReader(r, a.Size+1))
	if err != nil {
		return fmt.Errorf("cannot read archive %.12s: %w", a.SHA256, err)
	}
	if n != a.Size {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "The archive does not have the %d bytes that it should have.", a.Size)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); a.SHA256 != "" && !strings.EqualFold(got, a.SHA256) {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "The archive's SHA-256 is %s and not %.64s as it should be.", got, a.SHA256)
	}
	return nil
}
