import time
from io import BytesIO
from config.wsgi import application
from tests.apps.profiles.conftest import Shop, track
from apps.consent import selectors

def environ(shop, path, method="GET", body=b""):
    return {"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_AUTHORIZATION": f"Bearer {shop.world.sk}", "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)), "QUERY_STRING": "", "SERVER_NAME":"x","SERVER_PORT":"1","wsgi.url_scheme":"http"}

def test_md(shop: Shop) -> None:
    shop.world.source.rate_per_s = 100000
    shop.world.source.save()
    shop.send(*(track() for _ in range(300)))
    for path in ("/v1/profiles/anonymous_id:a1/metadata","/v1/profiles/anonymous_id:a1/events","/v1/profiles/anonymous_id:a1/segments"):
        times=[]
        for _ in range(600):
            t=time.perf_counter(); c=time.process_time()
            application(environ(shop, path), lambda s,h: s)
            times.append((time.perf_counter()-t, time.process_time()-c))
        times.sort(); print(path, "wall p50 us", round(times[300][0]*1e6), "cpu", round(sum(c for _,c in times)/600*1e6))
    body=b'{"anonymousId":"a1","purposes":{"analytics":true}}'
    times=[]
    for _ in range(300):
        t=time.perf_counter()
        application(environ(shop, "/v1/consent","POST",body), lambda s,h: s)
        times.append(time.perf_counter()-t)
    times.sort(); print("consent post wall p50/p99 us", round(times[150]*1e6), round(times[297]*1e6))
