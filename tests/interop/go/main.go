// Makes a workspace and asks about its admin's key. Usage: client SERVER_ADDRESS ADMIN_ADDRESS OPERATOR_KEY_FILE SERVICE_CONFIG
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // without it healthCheckConfig is ignored
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	sallyport "example.org/client/sallyportv1"
)

func dial(address string) *grpc.ClientConn {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(os.Args[4]), grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second}))
	if err != nil {
		log.Fatal(err)
	}
	return connection
}

func main() {
	key, err := os.ReadFile(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	admin := sallyport.NewAdminClient(dial(os.Args[2]))
	made, err := admin.CreateWorkspace(
		metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(key))),
		&sallyport.CreateWorkspaceRequest{Id: "go", Name: "Go", Seats: 3})
	if err != nil {
		log.Fatal(err)
	}

	server := dial(os.Args[1])
	authorization := sallyport.NewAuthorizationClient(server)
	check := func(key string) (*sallyport.CheckResponse, error) {
		return authorization.Check(ctx, &sallyport.CheckRequest{
			Credential:  &sallyport.CheckRequest_ApiKey{ApiKey: key},
			Ip:          "203.0.113.7",
			Resource:    &sallyport.ResourceRef{Type: "voice"},
			Action:      "create",
			MinRevision: made.Revision, // reads what was just written, on any server
		})
	}
	// Deny on anything but an answer that says ALLOW: an error is not an answer.
	answer, err := check(made.Secret)
	if err != nil || answer.Decision != sallyport.Decision_ALLOW {
		log.Fatal(answer, err)
	}
	fmt.Println(answer.Decision, answer.Reason, answer.Principal)
	if answer, err = check("sp_nothing"); err != nil || answer.Reason != sallyport.Reason_KEY_MALFORMED {
		log.Fatal(answer, err)
	}
	if _, err = check(strings.Repeat("x", 600)); status.Code(err) != codes.InvalidArgument {
		log.Fatal(err)
	}
	health, err := healthpb.NewHealthClient(server).List(ctx, &healthpb.HealthListRequest{})
	if err != nil {
		log.Fatal(err)
	}
	for _, service := range []string{"", "sallyport.v1.Authorization", "envoy.service.auth.v3.Authorization", "liveness"} {
		if got := health.Statuses[service].GetStatus(); got != healthpb.HealthCheckResponse_SERVING {
			log.Fatalf("%q is %v", service, got)
		}
	}
}
