package e2e

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// policies replaces the policy of an alias as a whole, which the AWS CLI of today cannot, and adds to it.
func (s *sdkRun) policies() error {
	arn := aws.String("arn:aws:lambda:us-east-1:000000000000:function:fn:live")
	text := `{"Version":"2012-10-17","Statement":[{"Sid":"account","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},` +
		`"Action":"lambda:InvokeFunction","Resource":"` + *arn + `"}]}`
	put, err := s.client.PutResourcePolicy(s.ctx, &lambda.PutResourcePolicyInput{ResourceArn: arn, Policy: &text})
	if err != nil {
		return err
	}
	fmt.Println("policy as given:", aws.ToString(put.Policy) == text)
	added, err := s.client.AddPermission(s.ctx, &lambda.AddPermissionInput{
		FunctionName: fn, Qualifier: aws.String("live"), StatementId: aws.String("s3"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("s3.amazonaws.com"), SourceArn: aws.String("arn:aws:s3:::photos"), RevisionId: put.RevisionId,
	})
	if err != nil {
		return err
	}
	fmt.Println("added:", aws.ToString(added.Statement))
	_, err = s.client.DeleteResourcePolicy(s.ctx, &lambda.DeleteResourcePolicyInput{ResourceArn: arn, RevisionId: put.RevisionId})
	if changed := new(types.PreconditionFailedException); !errors.As(err, &changed) {
		return fmt.Errorf("deleting an older revision gave %w, want PreconditionFailedException", err)
	}
	got, err := s.client.GetResourcePolicy(s.ctx, &lambda.GetResourcePolicyInput{ResourceArn: arn})
	if err != nil {
		return err
	}
	if _, err := s.client.DeleteResourcePolicy(s.ctx, &lambda.DeleteResourcePolicyInput{ResourceArn: arn, RevisionId: got.RevisionId}); err != nil {
		return err
	}
	_, err = s.client.GetResourcePolicy(s.ctx, &lambda.GetResourcePolicyInput{ResourceArn: arn})
	missing := new(types.ResourceNotFoundException)
	if !errors.As(err, &missing) {
		return fmt.Errorf("no policy gave %w, want ResourceNotFoundException", err)
	}
	fmt.Println("deleted:", missing.ErrorMessage())
	return nil
}
