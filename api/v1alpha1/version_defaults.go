package v1alpha1

// Default fills in the snapshot's defaults, the object's name and the label of its function.
func (v *Version) Default() {
	v.Spec.Function.FunctionName = orDefault(v.Spec.Function.FunctionName, v.Spec.FunctionName)
	v.Spec.Function.setDefaults()
	if v.Name == "" && v.Spec.FunctionName != "" {
		v.Name = VersionObjectName(v.Spec.FunctionName, v.Spec.Version)
	}
	setLabel(v, LabelFunction, ObjectName(v.Spec.FunctionName))
}
