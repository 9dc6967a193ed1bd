package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Labels that child objects carry so that they can be listed by their parent. [Object.Default] sets them.
const (
	// LabelFunction is on every Version, Alias, FunctionURLConfig and ResourcePolicy of a function; its value is [ObjectName]
	// of the function.
	LabelFunction = Group + "/function"
	// LabelLayer is on every LayerVersion and ResourcePolicy of a layer; its value is [ObjectName] of the layer.
	LabelLayer = Group + "/layer"
)

// hashLength is how many hex digits of a name's digest keep two rewritten names apart.
const hashLength = 8

var notInLabel = regexp.MustCompile(`[^a-z0-9-]+`)

// ObjectName is the name of the object that stands for a Lambda name (of a function, a layer or an alias): the name
// itself if it is a DNS-1123 label, else its lower-case form with a hash of the original, so that "Orders" and "orders"
// stay two objects. It is also what the labels hold.
func ObjectName(lambdaName string) string {
	if lambdaName == "" || len(validation.IsDNS1123Label(lambdaName)) == 0 {
		return lambdaName
	}
	sum := sha256.Sum256([]byte(lambdaName))
	hash := hex.EncodeToString(sum[:])[:hashLength]
	readable := notInLabel.ReplaceAllString(strings.ToLower(lambdaName), "-")
	readable = strings.TrimLeft(readable, "-")
	readable = readable[:min(len(readable), validation.DNS1123LabelMaxLength-hashLength-1)]
	readable = strings.TrimRight(readable, "-")
	if readable == "" {
		return hash
	}
	return readable + "-" + hash
}

// VersionObjectName is the name of the Version object of a function's version, such as "orders.7". The dot, which no
// [ObjectName] holds, keeps the parts apart.
func VersionObjectName(functionName string, version int64) string {
	return ObjectName(functionName) + "." + strconv.FormatInt(version, 10)
}

// AliasObjectName is the name of the Alias object of a function's alias, such as "orders.live". It never is the name
// of a version, since no alias is a number.
func AliasObjectName(functionName, alias string) string {
	return ObjectName(functionName) + "." + ObjectName(alias)
}

// LayerVersionObjectName is the name of the LayerVersion object of a layer's version, such as "tools.3".
func LayerVersionObjectName(layerName string, version int64) string {
	return ObjectName(layerName) + "." + strconv.FormatInt(version, 10)
}

// FunctionURLObjectName is the name of the FunctionURLConfig object of a function's URL: "orders" for $LATEST, which
// an empty qualifier also means, and "orders.live" for an alias.
func FunctionURLObjectName(functionName, qualifier string) string {
	if qualifier == "" || qualifier == latest {
		return ObjectName(functionName)
	}
	return AliasObjectName(functionName, qualifier)
}

// ResourcePolicyObjectName is the name of the ResourcePolicy object of a function, or of its version or alias.
func ResourcePolicyObjectName(functionName, qualifier string) string {
	return FunctionURLObjectName(functionName, qualifier)
}

// LayerPolicyObjectName is the name of the ResourcePolicy object of a layer's version, such as "layer.tools.3". It never
// is that of a function's, which has two parts at most.
func LayerPolicyObjectName(layerName string, version int64) string {
	return "layer." + LayerVersionObjectName(layerName, version)
}

// FunctionServiceName is the name of the Knative Service that runs a function's $LATEST: the name of the function's object,
// unless that begins with a digit, which Knative does not take.
func FunctionServiceName(functionName string) string {
	object := ObjectName(functionName)
	if len(validation.IsDNS1035Label(object)) == 0 {
		return object
	}
	return serviceName("function", functionName, object)
}

// VersionServiceName is the name of the Knative Service that runs a version, such as "orders-v7-5e541c63".
func VersionServiceName(functionName string, version int64) string {
	number := strconv.FormatInt(version, 10)
	return serviceName("version", functionName+":"+number, ObjectName(functionName), "v"+number)
}

// AliasRouteName is the name of the Knative Route of an alias, such as "orders-live-db9688b2".
func AliasRouteName(functionName, alias string) string {
	return serviceName("alias", functionName+":"+alias, ObjectName(functionName), ObjectName(alias))
}

// serviceName makes a DNS-1035 label of readable parts and a hash of what they stand for. Parts that are too long are cut
// to an equal share of the room. What it gives is no object's name by accident, since users do not end names with the
// hash of a kind and themselves.
func serviceName(kind, identity string, parts ...string) string {
	sum := sha256.Sum256([]byte(kind + ":" + identity))
	hash := hex.EncodeToString(sum[:])[:hashLength]
	share := (validation.DNS1035LabelMaxLength - hashLength - len("f-") - len(parts)) / len(parts)
	readable := make([]string, 0, len(parts)+1)
	for _, p := range parts {
		readable = append(readable, strings.TrimRight(p[:min(len(p), share)], "-"))
	}
	name := strings.Join(append(readable, hash), "-")
	if name[0] < 'a' {
		return "f-" + name
	}
	return name
}

// setLabel gives an object the label that makes it its parent's child.
func setLabel(obj Object, key, value string) {
	labels := obj.GetLabels()
	if labels[key] == value {
		return
	}
	if labels == nil {
		labels = make(map[string]string, 1)
	}
	labels[key] = value
	obj.SetLabels(labels)
}

const (
	// FunctionURLPath is where a gateway serves function URLs on its own host.
	FunctionURLPath = "/_url/"
	// FunctionURLIDLength is how long the id of a function URL is, as on AWS.
	FunctionURLIDLength = 32
)

// URLID is what a gateway knows a function URL by: 32 characters that follow from the object's uid and cannot be guessed
// without it.
func (u *FunctionURLConfig) URLID() string {
	sum := sha256.Sum256([]byte("url/" + u.UID))
	text := new(big.Int).SetBytes(sum[:]).Text(36)
	return (text + strings.Repeat("0", FunctionURLIDLength))[:FunctionURLIDLength]
}

// URLPath is the path below which a gateway serves a function URL on its own host.
func (u *FunctionURLConfig) URLPath() string { return FunctionURLPath + u.URLID() + "/" }
