package enginetest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// letter is a post that a mailbox took.
type letter struct {
	Header http.Header
	Body   []byte
}

// mailbox is an HTTP destination.
type mailbox struct {
	url  string
	read func() []letter
}

// newMailbox opens a mailbox that the engine can reach.
func (f *fixture) newMailbox(t testing.TB) mailbox {
	if f.suite.mailboxURL != nil {
		return f.mailboxFunction(t)
	}
	var mu sync.Mutex
	var letters []letter
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		letters = append(letters, letter{r.Header, body})
	}))
	t.Cleanup(s.Close)
	return mailbox{url: s.URL, read: func() []letter {
		mu.Lock()
		defer mu.Unlock()
		return append([]letter(nil), letters...)
	}}
}

// mailboxFunction deploys the suite's function once more, in one environment that stays. It keeps what is posted to it.
func (f *fixture) mailboxFunction(t testing.TB) mailbox {
	fn := f.deploy(t, "mailbox", func(s *v1alpha1.FunctionSpec) {
		one := int32(1)
		s.Concurrency = &v1alpha1.Concurrency{Reserved: &one, Provisioned: &one}
	})
	return mailbox{url: f.suite.mailboxURL(fn), read: func() []letter {
		var letters []letter
		must(t, json.Unmarshal([]byte(f.answer(t, "mailbox", do{Do: "letters"})), &letters))
		return letters
	}}
}
