package outbound

import (
	"errors"
	"net/url"
)

// Redacted is a URL without what may be secret: password and query, where presigned URLs have their signature.
func Redacted(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "the URL"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// WithoutURL takes the URL, which [url.Error] repeats in full, out of an error of a client.
func WithoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
