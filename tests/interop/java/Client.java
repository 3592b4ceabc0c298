import com.google.gson.Gson;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
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

/** Makes a workspace and asks about its admin's key. Usage: Client SERVER_ADDRESS ADMIN_ADDRESS OPERATOR_KEY_FILE
 * SERVICE_CONFIG_FILE */
public final class Client {
  static AuthorizationGrpc.AuthorizationBlockingStub authorization;
  static CreateWorkspaceResponse made;

  static CheckResponse check(String key) {
    // Within the timeout of the service config.
    return authorization.check(CheckRequest.newBuilder()
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

  @SuppressWarnings("unchecked")
  static ManagedChannel open(String target, String configFile) throws Exception {
    Map<String, ?> config = new Gson().fromJson(Files.readString(Path.of(configFile)), Map.class);
    return ManagedChannelBuilder.forTarget(target).usePlaintext().defaultServiceConfig(config)
        .keepAliveTime(10, TimeUnit.SECONDS).build();
  }

  public static void main(String[] args) throws Exception {
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        "Bearer " + Files.readString(Path.of(args[2])).trim());
    var admin = AdminGrpc.newBlockingStub(open(args[1], args[3]))
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
    ManagedChannel server = open(args[0], args[3]);
    authorization = AuthorizationGrpc.newBlockingStub(server);
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
    for (String service : new String[] {"", "sallyport.v1.Authorization", "liveness"})
      expect(HealthGrpc.newBlockingStub(server).check(HealthCheckRequest.newBuilder().setService(service).build())
          .getStatus() == ServingStatus.SERVING, service);
  }
}
