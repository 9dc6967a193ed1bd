package proxy

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// attempt sends one request to one of some addresses. An address that takes no connection is passed over: nothing was
// sent to it, so this repeats nothing. A request that was sent is never sent again.
type attempt struct {
	next      http.RoundTripper
	addresses []string
	load      *load
	counted   string
}

// RoundTrip implements http.RoundTripper.
func (a *attempt) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = &unreadBody{ReadCloser: r.Body}
	}
	var errs []error
	for _, address := range a.load.order(a.addresses) {
		a.done()
		a.counted = address
		a.load.add(address, 1)
		r.URL.Host = address
		resp, err := a.next.RoundTrip(r)
		if err == nil {
			return resp, nil
		}
		errs = append(errs, err)
		if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" || r.Context().Err() != nil {
			break
		}
	}
	if b, ok := r.Body.(*unreadBody); ok {
		_ = b.ReadCloser.Close() // nobody sends it any more
	}
	return nil, errors.Join(errs...)
}

// unreadBody is a body that stays open until it has been read from: a transport closes what it was given even if it could
// not connect, and the next address is to get it whole.
type unreadBody struct {
	io.ReadCloser
	read atomic.Bool
}

// Read implements io.Reader.
func (b *unreadBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer.
func (b *unreadBody) Close() error {
	if !b.read.Load() {
		return nil
	}
	return b.ReadCloser.Close()
}

// done says that the request is over. It may be called again.
func (a *attempt) done() {
	if a.counted != "" {
		a.load.add(a.counted, -1)
		a.counted = ""
	}
}

// load counts the requests under way, by address.
type load struct {
	mu    sync.Mutex
	count map[string]int
}

func (l *load) add(address string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == nil {
		l.count = map[string]int{}
	}
	if l.count[address] += n; l.count[address] == 0 {
		delete(l.count, address)
	}
}

// order gives the addresses in the order they should be tried: first the less busy of two chosen at random, which is
// nearly as good as the least busy of all and does not send everyone to the same one.
func (l *load) order(addresses []string) []string {
	if len(addresses) < 2 {
		return addresses
	}
	i, j := rand.IntN(len(addresses)), rand.IntN(len(addresses)-1)
	if j >= i {
		j++
	}
	l.mu.Lock()
	if l.count[addresses[j]] < l.count[addresses[i]] {
		i = j
	}
	l.mu.Unlock()
	return slices.Concat(addresses[i:], addresses[:i])
}
