// Hello is a container for tests: "/" greets, a POST with Ce-Id records the event, "/events" lists those.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	var mu sync.Mutex
	var got []string
	http.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range got {
			fmt.Fprintln(w, e)
		}
	})
	http.HandleFunc("/sleep", func(w http.ResponseWriter, r *http.Request) {
		d, _ := time.ParseDuration(r.URL.Query().Get("d"))
		time.Sleep(d)
		fmt.Fprintf(w, "slept on %s\n", os.Getenv("HOSTNAME"))
	})
	http.HandleFunc("/alloc", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("mb"))
		b := make([]byte, n<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		fmt.Fprintf(w, "allocated %d MiB\n", len(b)>>20)
	})
	http.HandleFunc("/burn", func(w http.ResponseWriter, r *http.Request) {
		d, _ := time.ParseDuration(r.URL.Query().Get("d"))
		n, e := 0, time.Now().Add(d)
		for time.Now().Before(e) {
			n++
		}
		fmt.Fprintf(w, "loops %d\n", n)
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if id := r.Header.Get("Ce-Id"); id != "" {
			line := fmt.Sprintf("event id=%s type=%s source=%s body=%s", id, r.Header.Get("Ce-Type"), r.Header.Get("Ce-Source"), b)
			fmt.Println(line)
			mu.Lock()
			got = append(got, line)
			mu.Unlock()
			w.WriteHeader(202)
			return
		}
		fmt.Fprintf(w, "hello %s from %s rev=%s host=%s\n", os.Getenv("TARGET"), os.Getenv("HOSTNAME"), os.Getenv("K_REVISION"), r.Host)
	})
	p := os.Getenv("PORT")
	if p == "" {
		p = "8080"
	}
	http.ListenAndServe(":"+p, nil)
}
