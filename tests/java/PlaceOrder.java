import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Places an order with Java's own HttpClient and prints the status in each frame, then the close code.
 * The client has its defaults: for a plain http address it asks to upgrade to HTTP/2 (h2c) in every request.
 *
 * Usage: java PlaceOrder.java http://127.0.0.1:3000
 */
public class PlaceOrder {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest order = HttpRequest.newBuilder(URI.create(arguments[0] + "/api/orders/execute"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\"tokenIn\":\"SOL\",\"tokenOut\":\"USDC\",\"amount\":1.5}"))
            .build();
        HttpResponse<String> answer = client.send(order, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.statusCode() + " " + answer.version());
        if (answer.statusCode() != 202) {
            throw new IllegalStateException(answer.body());
        }
        Events events = new Events();
        client.newWebSocketBuilder().buildAsync(URI.create(field(answer.body(), "wsUrl")), events).join();
        System.out.println(events.closed.get(20, TimeUnit.SECONDS));
    }

    static String field(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
        if (!found.find()) {
            throw new IllegalStateException(name + " is missing in " + json);
        }
        return found.group(1);
    }

    static class Events implements WebSocket.Listener {
        final CompletableFuture<Integer> closed = new CompletableFuture<>();
        private final StringBuilder frame = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
            frame.append(text);
            if (last) {
                System.out.println(field(frame.toString(), "status"));
                frame.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            closed.complete(code);
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            closed.completeExceptionally(error);
        }
    }
}
