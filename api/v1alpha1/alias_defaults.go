package v1alpha1

// Default fills in the object's name and the label of its function.
func (a *Alias) Default() {
	if a.Name == "" && a.Spec.FunctionName != "" && a.Spec.Name != "" {
		a.Name = AliasObjectName(a.Spec.FunctionName, a.Spec.Name)
	}
	setLabel(a, LabelFunction, ObjectName(a.Spec.FunctionName))
}
