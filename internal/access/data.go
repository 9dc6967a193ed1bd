package access

import (
	"strings"
	"time"
)

const (
	// SecretType is the type of Secrets that are access keys.
	SecretType = "lambkin.dev/access-key"
	// secretPrefix begins their names.
	secretPrefix = "access-key-"
)

// The keys of such a Secret's data.
const (
	dataID        = "accessKeyId"
	dataSecret    = "secretAccessKey"
	dataNamespace = "namespace"
	dataName      = "name"
	dataPolicy    = "policy"
)

// SecretName is the name of the Secret that holds a key.
func SecretName(id string) string { return secretPrefix + strings.ToLower(id) }

// Data is a key as the data of a Secret, which says itself when it was created.
func (k Key) Data() map[string][]byte {
	return map[string][]byte{
		dataID: []byte(k.ID), dataSecret: []byte(k.Secret), dataNamespace: []byte(k.Namespace), dataName: []byte(k.Name), dataPolicy: []byte(k.Policy),
	}
}

// FromData reads a key out of the data of a Secret.
func FromData(data map[string][]byte, created time.Time) Key {
	return Key{
		ID: string(data[dataID]), Secret: string(data[dataSecret]), Namespace: string(data[dataNamespace]), Name: string(data[dataName]),
		Policy: string(data[dataPolicy]), Created: created,
	}
}

// Read checks a key and reads its policy.
func Read(k Key) (*Issued, error) {
	doc, err := k.Check()
	if err != nil {
		return nil, err
	}
	return &Issued{Key: k, Document: doc}, nil
}
