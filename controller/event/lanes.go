package event

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lanes bounds how many events of one group are tried at once, and keeps the others waiting outside of the workers, first
// come, first served. Its zero value is empty. It is safe for concurrent use.
type lanes struct {
	mu      sync.Mutex
	call    func(client.ObjectKey) // has an event come whose turn it is
	taken   map[string]int         // places, by group; a group without any is not in it
	waiting map[string][]client.ObjectKey
	queued  map[client.ObjectKey]bool   // those in waiting
	places  map[client.ObjectKey]string // who has a place, and in which group
}

// onTurn says how events are called.
func (l *lanes) onTurn(call func(client.ObjectKey)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.call = call
}

// enter gives an event a place in its group, or reports false: then it is called when it has one. An event that was called
// has its place already.
func (l *lanes) enter(key client.ObjectKey, group string, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.places[key]; ok {
		return true
	}
	if l.places == nil {
		l.taken, l.waiting = make(map[string]int), make(map[string][]client.ObjectKey)
		l.queued, l.places = make(map[client.ObjectKey]bool), make(map[client.ObjectKey]string)
	}
	if l.taken[group] < limit {
		l.taken[group]++
		l.places[key] = group
		return true
	}
	if !l.queued[key] {
		l.queued[key] = true
		l.waiting[group] = append(l.waiting[group], key)
	}
	return false
}

// leave gives the place of an event, if it has one, to the next.
func (l *lanes) leave(key client.ObjectKey) {
	if next, ok := l.pass(key); ok {
		l.call(next)
	}
}

func (l *lanes) pass(key client.ObjectKey) (next client.ObjectKey, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	group, ok := l.places[key]
	if !ok {
		return next, false
	}
	delete(l.places, key)
	line := l.waiting[group]
	if len(line) == 0 || l.call == nil {
		if l.taken[group]--; l.taken[group] == 0 {
			delete(l.taken, group)
		}
		return next, false
	}
	next, l.waiting[group] = line[0], line[1:]
	if len(line) == 1 {
		delete(l.waiting, group)
	}
	delete(l.queued, next)
	l.places[next] = group
	return next, true
}
