package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/bench/table"
	"github.com/lambkin-dev/lambkin/internal/engine/local/store"
)

const (
	fewFunctions  = 100
	manyFunctions = 10000
	listCalls     = 200 // in a round
)

// lists measures a page of ListFunctions among few functions and among many.
func (b *bench) lists() ([]table.Row, error) {
	dir, err := os.MkdirTemp("", "lambkin-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a rest in the temporary directory does no harm
	l := local{bench: b, dir: dir}
	few, stopFew, err := l.catalogue("few", fewFunctions)
	if err != nil {
		return nil, err
	}
	defer stopFew()
	many, stopMany, err := l.catalogue("many", manyFunctions)
	if err != nil {
		return nil, err
	}
	defer stopMany()
	middle, err := many.middle(manyFunctions)
	if err != nil {
		return nil, err
	}
	short, long, deep, err := b.turns(few.url, many.url, middle)
	if err != nil {
		return nil, err
	}
	return []table.Row{
		table.Ratio(fmt.Sprintf("a page of ListFunctions among %d functions, in units of one among %d", manyFunctions, fewFunctions), long.Seconds()/short.Seconds(), table.AtMost(1.5)),
		table.Ratio("the same from the middle of them", deep.Seconds()/short.Seconds(), table.AtMost(1.5)),
	}, nil
}

// turns asks for three pages in turn, round after round, and gives the median time of each.
func (b *bench) turns(pages ...string) (first, second, third time.Duration, err error) {
	took := make([][]time.Duration, len(pages))
	client := newClient(1)
	defer client.CloseIdleConnections()
	for round := range b.rounds + 1 {
		for i, page := range pages {
			for range listCalls {
				begin := time.Now()
				if _, err := get(client, page); err != nil {
					return 0, 0, 0, err
				}
				if round > 0 { // the first one warms up
					took[i] = append(took[i], time.Since(begin))
				}
			}
		}
	}
	return table.Median(took[0]), table.Median(took[1]), table.Median(took[2]), nil
}

// catalogue is a server with many functions.
type catalogue struct {
	url string // of the first page
}

// catalogue starts a server with n functions, whose objects are written before it starts.
func (l *local) catalogue(name string, n int) (*catalogue, func(), error) {
	data := filepath.Join(l.dir, name)
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, nil, err
	}
	if err := fill(filepath.Join(data, "objects.db"), n); err != nil {
		return nil, nil, err
	}
	server, _, err := l.serve(name)
	if err != nil {
		return nil, nil, err
	}
	c := &catalogue{url: "http://" + server.addr + "/2015-03-31/functions?MaxItems=50"}
	if err := settled("http://"+server.addr+"/2015-03-31/functions/", n); err != nil {
		server.stop()
		return nil, nil, err
	}
	return c, server.stop, nil
}

// fill writes functions into a file of objects. They are images, which cost an engine of one machine nothing.
func fill(path string, n int) (err error) {
	objects, err := store.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, objects.Close()) }()
	objects.DB().NoSync = true // nobody else has the file, and nothing is lost with it
	for i := range n {
		fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
			FunctionName: functionName(i), PackageType: v1alpha1.PackageTypeImage, Code: v1alpha1.Code{Image: &v1alpha1.Image{URI: "registry.example/fn:1"}},
		}}
		if err := objects.Create(fn); err != nil {
			return err
		}
	}
	return objects.DB().Sync()
}

func functionName(i int) string { return fmt.Sprintf("function-%05d", i) }

// settled waits until the server has looked at all functions, so that this is not measured too.
func settled(functions string, n int) error {
	client := newClient(1)
	defer client.CloseIdleConnections()
	for i := range n {
		for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			var c struct{ State string }
			text, err := get(client, functions+functionName(i)+"/configuration")
			if err == nil {
				err = json.Unmarshal(text, &c)
			}
			if err == nil && c.State == v1alpha1.StateFailed {
				break
			}
			if time.Since(begin) > time.Minute {
				return fmt.Errorf("%s is not looked at in time, state %q: %w", functionName(i), c.State, err)
			}
		}
	}
	return nil
}

// middle follows the markers to the page in the middle of n functions.
func (c *catalogue) middle(n int) (string, error) {
	client := newClient(1)
	defer client.CloseIdleConnections()
	page := c.url
	for seen := 0; seen < n/2; {
		text, err := get(client, page)
		if err != nil {
			return "", err
		}
		var list struct {
			Functions  []json.RawMessage
			NextMarker string
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return "", err
		}
		if seen += len(list.Functions); list.NextMarker == "" {
			return "", fmt.Errorf("the list ends after %d functions", seen)
		}
		page = c.url + "&Marker=" + url.QueryEscape(list.NextMarker)
	}
	return page, nil
}

func get(client *http.Client, address string) ([]byte, error) {
	resp, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", address, resp.Status, text)
	}
	return text, err
}
