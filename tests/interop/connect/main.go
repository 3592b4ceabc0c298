// Calls both programs with connect-go, the Connect protocol's own client: unary calls and streams, as JSON and as protobuf, compressed
// or not. Usage: client SYNC_URL SERVER_URL OPERATOR_KEY_FILE
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"

	sallyport "example.org/client/sallyportv1"
)

var ctx, stop = context.WithTimeout(context.Background(), 2*time.Minute)

func client[Q, R any](url, method string, options []connect.ClientOption) *connect.Client[Q, R] {
	return connect.NewClient[Q, R](http.DefaultClient, url+"/sallyport.v1."+method, options...)
}

func request[Q any](key string, message *Q) *connect.Request[Q] {
	wrapped := connect.NewRequest(message)
	if key != "" {
		wrapped.Header().Set("Authorization", "Bearer "+key)
	}
	return wrapped
}

func must(what string, ok bool, err error) {
	if !ok {
		log.Fatalf("%s: %v", what, err)
	}
}

func administer(url, operator, workspace string, options []connect.ClientOption) *sallyport.CreateWorkspaceResponse {
	create := client[sallyport.CreateWorkspaceRequest, sallyport.CreateWorkspaceResponse](url, "Admin/CreateWorkspace", options)
	wanted := &sallyport.CreateWorkspaceRequest{Id: workspace, Name: "Go, über Connect", Seats: 3}
	made, err := create.CallUnary(ctx, request(operator, wanted))
	must("CreateWorkspace", err == nil && made.Msg.Workspace.Name == wanted.Name && made.Msg.Secret != "", err)
	_, err = create.CallUnary(ctx, request(operator, wanted))
	must("the same again", connect.CodeOf(err) == connect.CodeAlreadyExists, err)
	_, err = create.CallUnary(ctx, request("", wanted))
	must("without a key", connect.CodeOf(err) == connect.CodeUnauthenticated, err)
	_, err = create.CallUnary(ctx, request(made.Msg.Secret, wanted))
	must("with an admin's key", connect.CodeOf(err) == connect.CodePermissionDenied && strings.Contains(err.Error(), "operator"), err)
	return made.Msg
}

func watch(url, operator string, options []connect.ClientOption) {
	changes := client[sallyport.WatchChangesRequest, sallyport.Change](url, "Admin/WatchChanges", options)
	watching, end := context.WithCancel(ctx)
	defer end()
	stream, err := changes.CallServerStream(watching, request(operator, &sallyport.WatchChangesRequest{FromOldest: true}))
	must("WatchChanges", err == nil && stream.Receive() && stream.Msg().Revision != nil, err)
	end()
	stream, err = changes.CallServerStream(ctx, request("", &sallyport.WatchChangesRequest{}))
	must("WatchChanges without a key", err == nil, err)
	must("WatchChanges without a key", !stream.Receive() && connect.CodeOf(stream.Err()) == connect.CodeUnauthenticated, stream.Err())

	backup := client[sallyport.BackupRequest, sallyport.BackupChunk](url, "Admin/Backup", options)
	chunks, err := backup.CallServerStream(ctx, request(operator, &sallyport.BackupRequest{}))
	must("Backup", err == nil, err)
	size := 0
	for chunks.Receive() {
		size += len(chunks.Msg().Data)
	}
	must("Backup", chunks.Err() == nil && size > 4096, chunks.Err())
}

func ask(url string, made *sallyport.CreateWorkspaceResponse, options []connect.ClientOption) {
	check := client[sallyport.CheckRequest, sallyport.CheckResponse](url, "Authorization/Check", options)
	question := &sallyport.CheckRequest{
		Credential: &sallyport.CheckRequest_ApiKey{ApiKey: made.Secret}, Ip: "203.0.113.7",
		Resource: &sallyport.ResourceRef{Type: "voice"}, Action: "create", MinRevision: made.Revision}
	answer, err := check.CallUnary(ctx, connect.NewRequest(question))
	must("Check", err == nil && answer.Msg.Decision == sallyport.Decision_ALLOW, err)
	question.Ip = "not an address"
	_, err = check.CallUnary(ctx, connect.NewRequest(question))
	must("a mistake", connect.CodeOf(err) == connect.CodeInvalidArgument && strings.Contains(err.Error(), "ip"), err)
	list := client[sallyport.ListAllowedResourcesRequest, sallyport.ListAllowedResourcesResponse](url, "Authorization/ListResources", options)
	stream, err := list.CallServerStream(ctx, connect.NewRequest(&sallyport.ListAllowedResourcesRequest{
		Subject: &sallyport.ListAllowedResourcesRequest_ApiKey{ApiKey: made.Secret}, Type: "voice", Action: "use"}))
	must("ListResources", err == nil, err)
	complete := false
	for stream.Receive() {
		complete = stream.Msg().Complete
	}
	must("ListResources", stream.Err() == nil && complete, stream.Err())
}

func main() {
	defer stop()
	key, err := os.ReadFile(os.Args[3])
	must("the operator's key", err == nil, err)
	ways := map[string][]connect.ClientOption{
		"json":       {connect.WithProtoJSON()},
		"json-gzip":  {connect.WithProtoJSON(), connect.WithSendGzip()},
		"proto":      {},
		"proto-gzip": {connect.WithSendGzip()},
	}
	for name, options := range ways {
		made := administer(os.Args[1], strings.TrimSpace(string(key)), "go-"+name, options)
		watch(os.Args[1], strings.TrimSpace(string(key)), options)
		ask(os.Args[2], made, options)
		fmt.Println("connect-go:", name)
	}
}
