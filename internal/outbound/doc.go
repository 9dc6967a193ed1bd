// Package outbound sends requests to places that users name: archives to fetch, destinations to post to. Redirects are
// few and never change the scheme; what is reported never holds the secrets that URLs carry; and where others than the
// users themselves pay for it, addresses that only mean something to this machine are out of reach.
package outbound
