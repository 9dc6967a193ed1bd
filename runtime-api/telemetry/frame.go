package telemetry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Frame is one log record of _LAMBDA_TELEMETRY_LOG_FD. Other than in a plain stream it may have several lines.
type Frame struct {
	Time    time.Time
	Level   Level // zero if the runtime client did not say
	Payload []byte
}

// A frame is type, length of the payload, microseconds since 1970, payload; all numbers big-endian. The type is
// 0xa55a0003 for plain records. Clients that know levels put them into the bits above the lowest two; without the
// lowest bit the payload is JSON.
const (
	frameHeader   = 16
	frameMagic    = 0xa55a
	frameHasTime  = 1 << 1
	frameLevelBit = 2
	frameLevels   = 0x7
	frameUnknown  = 0xffe0 // bits that no client sets
)

// ErrFrame says that a stream is not made of frames, or lost its beat. Nothing after it can be read.
var ErrFrame = errors.New("telemetry: malformed log frame")

// FrameReader reads frames. Payloads longer than MaxLine are cut there.
type FrameReader struct {
	r       *bufio.Reader
	payload []byte
}

// NewFrameReader makes a FrameReader of r.
func NewFrameReader(r io.Reader) *FrameReader { return &FrameReader{r: bufio.NewReader(r)} }

// Next gives the next frame, whose Payload is good until the call after. The error is io.EOF at the end of the
// stream, io.ErrUnexpectedEOF if it ends within a frame and ErrFrame if it is something else.
func (f *FrameReader) Next() (Frame, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return Frame{}, frameError("header", err)
	}
	kind := binary.BigEndian.Uint32(head[:])
	if kind>>16 != frameMagic || kind&frameUnknown != 0 || kind&frameHasTime == 0 {
		return Frame{}, fmt.Errorf("%w: type %#x", ErrFrame, kind)
	}
	level := Level(kind >> frameLevelBit & frameLevels)
	if level > LevelFatal {
		return Frame{}, fmt.Errorf("%w: type %#x", ErrFrame, kind)
	}
	size := int64(binary.BigEndian.Uint32(head[4:]))
	micros := int64(binary.BigEndian.Uint64(head[8:]) & (1<<63 - 1))
	keep := min(size, MaxLine)
	if err := f.fill(keep); err != nil {
		return Frame{}, frameError("payload", err)
	}
	if _, err := io.CopyN(io.Discard, f.r, size-keep); err != nil {
		return Frame{}, frameError("payload", err)
	}
	return Frame{Time: time.UnixMicro(micros), Level: level, Payload: f.payload}, nil
}

// fill reads n bytes of payload. The buffer grows with what really comes, not with what the header promises.
func (f *FrameReader) fill(n int64) error {
	w := sliceWriter{f.payload[:0]}
	got, err := io.CopyN(&w, f.r, n)
	f.payload = w.b
	if err == io.EOF && got < n { //nolint:errorlint // CopyN gives the bare value
		return io.ErrUnexpectedEOF
	}
	return err
}

func frameError(part string, err error) error {
	if err == io.EOF && part == "header" { //nolint:errorlint // ReadFull gives the bare value
		return io.EOF
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read log frame %s: %w", part, err)
}
