package signature

import (
	"sync"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// retryWindow is how long the same signature may come again. Clients that lost an answer send the very same request
	// again at once; those that wait sign anew.
	retryWindow = 30 * time.Second
	// maxRemembered bounds the signatures that are remembered; the oldest half goes first.
	maxRemembered = 1 << 16
)

// Replays remembers the signatures of requests that changed something, so that one that was listened to cannot be sent
// again later, within the time that its date is good for. The zero value works, and it is safe for concurrent use.
type Replays struct {
	mu   sync.Mutex
	seen map[string]time.Time // when first
	old  map[string]time.Time // what was seen before that
}

// Check refuses a signature that first came too long ago.
func (s *Replays) Check(signature string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, known := s.seen[signature]
	if !known {
		first, known = s.old[signature]
	}
	if known && now.Sub(first) > retryWindow {
		return lambda.Errorf(lambda.CodeInvalidSignature, "Signature expired: a request with this very signature was answered at %s. Sign the request again.",
			first.UTC().Format(timeForm))
	}
	if known {
		return nil
	}
	if len(s.seen) >= maxRemembered/2 || s.seen == nil {
		s.old, s.seen = s.seen, make(map[string]time.Time)
	}
	s.seen[signature] = now
	return nil
}
