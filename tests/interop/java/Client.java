import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import sallyport.v1.AdminGrpc;
import sallyport.v1.AdminOuterClass.CreateWorkspaceRequest;
import sallyport.v1.AdminOuterClass.CreateWorkspaceResponse;
import sallyport.v1.AuthorizationGrpc;
import sallyport.v1.AuthorizationOuterClass.CheckRequest;
import sallyport.v1.AuthorizationOuterClass.CheckResponse;
import sallyport.v1.AuthorizationOuterClass.Decision;
import sallyport.v1.AuthorizationOuterClass.Reason;
import sallyport.v1.Entities.ResourceRef;

/** Makes a workspace and asks about its admin's key. Usage: Client SERVER_ADDRESS ADMIN_ADDRESS OPERATOR_KEY_FILE */
public final class Client {
  static AuthorizationGrpc.AuthorizationBlockingStub authorization;
  static CreateWorkspaceResponse made;

  static CheckResponse check(String key) {
    return authorization.withDeadlineAfter(5, TimeUnit.SECONDS).check(CheckRequest.newBuilder()
        .setApiKey(key)
        .setIp("203.0.113.7")
        .setResource(ResourceRef.newBuilder().setType("voice"))
        .setAction("create")
        .setMinRevision(made.getRevision()) // reads what was just written, on any server
        .build());
  }

  static void expect(boolean holds, Object what) {
    if (!holds) throw new AssertionError(what);
  }

  public static void main(String[] args) throws Exception {
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        "Bearer " + Files.readString(Path.of(args[2])).trim());
    var admin = AdminGrpc.newBlockingStub(ManagedChannelBuilder.forTarget(args[1]).usePlaintext().build())
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
    authorization = AuthorizationGrpc.newBlockingStub(ManagedChannelBuilder.forTarget(args[0]).usePlaintext().build());
    made = admin.createWorkspace(
        CreateWorkspaceRequest.newBuilder().setId("java").setName("Java").setSeats(3).build());

    // Deny on anything but an answer that says ALLOW: an error is not an answer.
    CheckResponse answer = check(made.getSecret());
    expect(answer.getDecision() == Decision.ALLOW, answer);
    System.out.println(answer.getDecision() + " " + answer.getReason() + " " + answer.getPrincipal());
    expect(check("sp_nothing").getReason() == Reason.KEY_MALFORMED, "a malformed key");
    try {
      check("x".repeat(600));
      throw new AssertionError("a key of 600 bytes was judged");
    } catch (StatusRuntimeException error) {
      expect(error.getStatus().getCode() == Status.Code.INVALID_ARGUMENT, error);
    }
  }
}
