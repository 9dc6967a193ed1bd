package telemetry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// frame encodes one frame as a runtime client does.
func frame(kind uint32, micros uint64, payload string) []byte {
	b := binary.BigEndian.AppendUint32(nil, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(binary.BigEndian.AppendUint64(b, micros), payload...)
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	stream := bytesOf(
		frame(0xa55a0003, 1700000000123456, "two\nlines"),
		frame(0xa55a000e, 1, `{"level":"INFO"}`),
		frame(0xa55a001b, 0, ""),
		frame(0xa55a0003, 0, long+"cut off"),
		frame(0xa55a0003, 0, "after"),
	)
	want := []Frame{
		{time.UnixMicro(1700000000123456), 0, []byte("two\nlines")},
		{time.UnixMicro(1), LevelInfo, []byte(`{"level":"INFO"}`)},
		{time.UnixMicro(0), LevelFatal, nil},
		{time.UnixMicro(0), 0, []byte(long)},
		{time.UnixMicro(0), 0, []byte("after")},
	}
	r := NewFrameReader(bytes.NewReader(stream))
	for i, w := range want {
		got, err := r.Next()
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if !got.Time.Equal(w.Time) || got.Level != w.Level || !bytes.Equal(got.Payload, w.Payload) {
			t.Errorf("frame %d: got %v %v %.40q, want %v %v %.40q", i, got.Time, got.Level, got.Payload, w.Time, w.Level, w.Payload)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: got %v, want io.EOF", err)
	}
}

func bytesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestBrokenFrames(t *testing.T) {
	good := frame(0xa55a0003, 1, "hello")
	cases := map[string]struct {
		reason string
		stream []byte
		want   error
	}{
		"Header":  {"a stream may end between frames only", good[:7], io.ErrUnexpectedEOF},
		"Payload": {"a payload is as long as announced", good[:18], io.ErrUnexpectedEOF},
		"Empty":   {"nothing of a payload is not enough either", good[:16], io.ErrUnexpectedEOF},
		"Rest":    {"neither is the part that would be cut off", frame(0xa55a0003, 1, strings.Repeat("x", MaxLine+9))[:MaxLine+20], io.ErrUnexpectedEOF},
		"Magic":   {"plain text is not framed", []byte("hello world, this is text"), ErrFrame},
		"NoTime":  {"frames without a time have another header", frame(0xa55a0001, 1, ""), ErrFrame},
		"Level":   {"there is no seventh level", frame(0xa55a001f, 1, ""), ErrFrame},
		"Bits":    {"unknown bits may mean another header", frame(0xa55a0103, 1, ""), ErrFrame},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := NewFrameReader(bytes.NewReader(tc.stream)).Next(); !errors.Is(err, tc.want) {
				t.Errorf("%s: got %v, want %v", tc.reason, err, tc.want)
			}
		})
	}
}

// Any stream ends in an error or io.EOF, gives no payload over the limit, and what is read is what was sent.
func FuzzFrames(f *testing.F) {
	f.Add(frame(0xa55a0003, 1700000000123456, "hello"))
	f.Add(append(frame(0xa55a0003, 1, ""), frame(0xa55a001b, 2, "x")...))
	f.Add(frame(0xa55a0003, 1, "hello")[:9])
	f.Add(binary.BigEndian.AppendUint64([]byte{0xa5, 0x5a, 0, 3, 0xff, 0xff, 0xff, 0xff}, 1))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewFrameReader(bytes.NewReader(stream))
		total := 0
		for {
			got, err := r.Next()
			if err != nil {
				return
			}
			total += frameHeader + len(got.Payload)
			if len(got.Payload) > MaxLine || total > len(stream) || !bytes.Contains(stream, got.Payload) {
				t.Fatalf("payload of %d bytes after %d of %d", len(got.Payload), total, len(stream))
			}
		}
	})
}
