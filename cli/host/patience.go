package host

import (
	"net/http"
	"time"
)

// writePatience is how long a caller may leave what is written to it unread.
const writePatience = time.Minute

// patient bounds every write of an answer. Between writes there is no bound: functions may think for long.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &patientWriter{ResponseWriter: w, conn: http.NewResponseController(w)}
		out.clear() // the request before may have left one
		next.ServeHTTP(out, r)
		out.wait() // for what is still buffered
	})
}

type patientWriter struct {
	http.ResponseWriter

	conn *http.ResponseController
}

// wait and clear set and remove the deadline. Writers without deadlines (tests) are written without one.
func (w *patientWriter) wait()  { _ = w.conn.SetWriteDeadline(time.Now().Add(writePatience)) }
func (w *patientWriter) clear() { _ = w.conn.SetWriteDeadline(time.Time{}) }

// Write writes within the time.
func (w *patientWriter) Write(p []byte) (int, error) {
	w.wait()
	defer w.clear()
	return w.ResponseWriter.Write(p) //nolint:wrapcheck // it stands for the writer
}

// FlushError sends what is buffered within the time.
func (w *patientWriter) FlushError() error {
	w.wait()
	defer w.clear()
	return w.conn.Flush() //nolint:wrapcheck // it stands for the writer
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
