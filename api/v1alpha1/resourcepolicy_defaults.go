package v1alpha1

import "strings"

// Default fills in the object's name and the label of its function or layer.
func (p *ResourcePolicy) Default() {
	if p.Name == "" && (p.Spec.FunctionName != "" || p.Spec.LayerName != "") {
		p.Name = p.objectName()
	}
	if p.Spec.LayerName != "" {
		setLabel(p, LabelLayer, ObjectName(p.Spec.LayerName))
		return
	}
	setLabel(p, LabelFunction, ObjectName(p.Spec.FunctionName))
}

func (p *ResourcePolicy) objectName() string {
	if p.Spec.LayerName != "" {
		return LayerPolicyObjectName(p.Spec.LayerName, p.Spec.LayerVersion)
	}
	return ResourcePolicyObjectName(p.Spec.FunctionName, p.Spec.Qualifier)
}

// Owner is what the policy is for, and goes with: a Function, Version, Alias or LayerVersion that has nothing but its
// object's name.
func (p *ResourcePolicy) Owner() Object {
	var owner Object
	name := p.objectName()
	switch {
	case p.Spec.LayerName != "":
		owner, name = new(LayerVersion), LayerVersionObjectName(p.Spec.LayerName, p.Spec.LayerVersion)
	case p.Spec.Qualifier == "":
		owner = new(Function)
	case strings.Trim(p.Spec.Qualifier, "0123456789") == "":
		owner = new(Version)
	default:
		owner = new(Alias)
	}
	owner.SetName(name)
	return owner
}
